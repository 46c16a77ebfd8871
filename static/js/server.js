// What pages ask of the server. Every failure is a Refusal: a sentence that can be shown.

const UNREACHABLE = "The server can’t be reached. What you entered is kept: try again.";
const SIGNED_OUT = "You are signed out, or this page is out of date. Sign in in another tab, then try again.";
const BROKEN = "Something went wrong on the server. What you entered is kept: try again.";

export class Refusal extends Error {
  /** `field` names what of the form it is about, where that is known. */
  constructor(sentence, field) {
    super(sentence);
    this.field = field;
  }
}

const HEADERS = { Accept: "application/json" };

function read(status, type, text) {
  let answer = null;
  if (type?.startsWith("application/json")) answer = JSON.parse(text);
  if (answer && status < 300) return answer;
  throw new Refusal(answer?.error ?? (status >= 500 ? BROKEN : SIGNED_OUT), answer?.field);
}

async function ask(url, options) {
  let response, text;
  try {
    response = await fetch(url, { ...options, headers: { ...HEADERS, ...options.headers } });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(UNREACHABLE);
  }
  return { status: response.status, type: response.headers.get("Content-Type"), text };
}

/** The facts of a clip of the team, null if it has no such clip. */
export async function clipFacts(url, signal) {
  const { status, type, text } = await ask(url, { signal });
  return status === 404 ? null : read(status, type, text);
}

/** Have the sample clip made; its facts, with a prompt. */
export async function makeSample(url, token, signal) {
  const { status, type, text } = await ask(url, { method: "POST", headers: { "X-CSRFToken": token }, signal });
  return read(status, type, text);
}

/** Send a form's fields, its CSRF token among them; what the server answers. */
export async function send(url, fields) {
  const { status, type, text } = await ask(url, { method: "POST", body: fields });
  return read(status, type, text);
}

/** Send a file; resolves to the facts of the clip. `progress` is told the share sent, 0 to 1. */
export function upload(url, token, file, signal, progress) {
  const body = new FormData();
  body.append("upload", file);
  // fetch can't tell how much it has sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      try {
        resolve(read(request.status, request.getResponseHeader("Content-Type"), request.responseText));
      } catch (refusal) {
        reject(refusal);
      }
    });
    request.addEventListener("error", () => reject(new Refusal(UNREACHABLE)));
    request.addEventListener("abort", () => reject(new DOMException("The upload was cancelled.", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", url);
    for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
    request.setRequestHeader("X-CSRFToken", token);
    request.send(body);
  });
}
