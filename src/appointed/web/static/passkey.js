// Logging in with a passkey: the browser is asked for one, and what it has signed is sent with the form, like anything
// that is typed. Without JavaScript, or in a browser that knows no passkeys, the way to it stays hidden.

const form = document.getElementById("passkey-form");
const [button, error] = ["passkey-send", "passkey-error"].map((id) => document.getElementById(id));

/** What the browser is to be asked, for the challenge that the form holds or a new one. */
async function options() {
  const challenge = form.elements.challenge?.value;
  const response = await fetch(form.dataset.options, {
    method: "POST",
    ...(challenge && { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ challenge }) }),
    credentials: "omit",
  });
  if (!response.ok) throw new Error(String(response.status));
  return PublicKeyCredential.parseRequestOptionsFromJSON((await response.json()).public_key);
}

button.addEventListener("click", async () => {
  error.hidden = true;
  button.disabled = true;
  try {
    const credential = await navigator.credentials.get({ publicKey: await options() });
    form.elements.passkey.value = JSON.stringify(credential);
    form.submit();
  } catch {
    error.hidden = false;
    button.disabled = false;
    button.focus();
  }
});

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) form.hidden = false;
