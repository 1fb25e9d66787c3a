// Confirming an address. The code comes from behind the "#" of the link, which no server and no log ever sees.
// It is sent when somebody presses the button, for mail scanners open links too.

const byId = (id) => document.getElementById(id);
const [form, code, send, error] = ["confirm", "code", "send", "error"].map(byId);

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
  code.setAttribute("aria-invalid", String(field === code));
  if (field === code) byId("code-field").hidden = false;
  (field ?? send).focus();
}

/** A problem document (RFC 9457) in words, and the field that it is about. */
async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  if (problem.fields?.[0]?.name === "code" || problem.code === "link_spent") {
    return ["This link was used, has expired, or is not complete. Have a new one sent.", code];
  }
  return [problem.detail ?? "Something went wrong on our side. Please try again later."];
}

async function confirm() {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify({ code: codeIn(code.value) }),
  });
  if (!response.ok) return tell(...(await explain(response)));
  // What is used up need not stand in the address bar and the history.
  history.replaceState(null, "", location.pathname);
  byId("asked").hidden = true;
  byId("done").hidden = false;
  document.title = byId("done-heading").textContent;
  byId("done-heading").focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!codeIn(code.value)) return tell("Paste the link from our mail, or the code in it.", code);
  error.hidden = true;
  send.disabled = true;
  try {
    await confirm();
  } catch {
    tell("The clinic cannot be reached. Check your connection and try again.");
  } finally {
    send.disabled = false;
  }
});

addEventListener("hashchange", takeFromLink);
takeFromLink();
send.disabled = false;
