// The pages that a mailed link opens. Its code comes from behind the "#", which no server and no log ever sees, and is
// sent when somebody presses the button, for mail scanners open links too. What a page says of a refusal stands beside
// the refusal's code, as data-… of its form; not every page asks for a password.

const MOST_BYTES = 1024;
const FEWEST_CHARACTERS = 8;

const byId = (id) => document.getElementById(id);
const [form, code, send, error] = ["form", "code", "send", "error"].map(byId);
const password = form.elements.password;

/** The code in a link, or in what somebody has copied of it. */
function codeIn(text) {
  return text.slice(text.lastIndexOf("#") + 1).trim();
}

function takeFromLink() {
  const found = codeIn(location.hash);
  if (found) code.value = found;
  byId("code-field").hidden = Boolean(found);
}

function tell(text, field) {
  error.textContent = text;
  error.hidden = false;
  for (const each of [code, password]) {
    each?.setAttribute("aria-invalid", String(each === field));
  }
  if (field === code) byId("code-field").hidden = false;
  (field ?? send).focus();
}

/** What is wrong before anything is sent, and with which field; null if nothing is. */
function complaint() {
  if (!codeIn(code.value)) return ["Paste the link from our mail, or the code in it.", code];
  if (!password) return null;
  if ([...password.value].length < FEWEST_CHARACTERS) {
    return [`Choose a password of ${FEWEST_CHARACTERS} characters or more.`, password];
  }
  if (new TextEncoder().encode(password.value).length > MOST_BYTES) return ["This password is too long.", password];
  return null;
}

/** A problem document (RFC 9457) in words, and the field that it is about. */
async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  const field = problem.fields?.[0]?.name;
  if (field === "password") return ["This password cannot be used. Choose another one.", password];
  if (field === "code" || problem.code === form.dataset.spentCode) return [form.dataset.spent, code];
  if (problem.code === "email_taken") return [form.dataset.emailTaken ?? problem.detail];
  return [problem.detail ?? "Something went wrong on our side. Please try again later."];
}

async function sendAll() {
  const said = { code: codeIn(code.value), ...(password && { password: password.value }) };
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify(said),
  });
  if (!response.ok) return tell(...(await explain(response)));
  form.reset();
  // What is used up need not stand in the address bar and the history.
  history.replaceState(null, "", location.pathname);
  byId("asked").hidden = true;
  byId("done").hidden = false;
  document.title = byId("done-heading").textContent;
  byId("done-heading").focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wrong = complaint();
  if (wrong) return tell(...wrong);
  error.hidden = true;
  send.disabled = true;
  try {
    await sendAll();
  } catch {
    tell("The clinic cannot be reached. Check your connection and try again.");
  } finally {
    send.disabled = false;
  }
});

form.elements.show?.addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});

addEventListener("hashchange", takeFromLink);
takeFromLink();
send.disabled = false;
