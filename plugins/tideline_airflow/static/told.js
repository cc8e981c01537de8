// Asks the server, and tells in one place what is amiss: by who asked, until that is answered again.
const status = document.getElementById("status");
const problems = new Map();

// What `read` makes of a good answer, or of "not changed"; undefined where there is none within so many milliseconds.
export async function ask(who, address, read, { headers = {}, patience = 10_000 } = {}) {
  try {
    const signal = AbortSignal.timeout(patience); // a server may accept, and never answer
    const answer = await fetch(address, { headers, cache: "no-store", credentials: "same-origin", signal });
    const isGood = answer.ok || answer.status === 304;
    const found = isGood ? await read(answer) : undefined;
    tell(who, isGood ? "" : await problem(answer));
    return found;
  } catch {
    tell(who, "The server does not answer: what is shown is old.");
    return undefined;
  }
}

async function problem(answer) {
  if (answer.status === 401) return "You are signed out: sign in again.";
  const text = await answer.text();
  try {
    return JSON.parse(text).detail ?? text;
  } catch {
    return text;
  }
}

function tell(who, text) {
  problems.set(who, text);
  const told = [...problems.values()].find(Boolean) ?? "";
  if (status.textContent !== told) status.textContent = told;
}
