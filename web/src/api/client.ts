// The one door to the API: adds the CSRF header, turns every failure into an ApiProblem,
// and tells listeners when the session has ended.
import createClient, { type Middleware } from "openapi-fetch";
import { ApiProblem, readProblem } from "./problem";
import type { paths } from "./schema";

type Listener = () => void;
const sessionEnded = new Set<Listener>();

export function onSessionEnded(listener: Listener): () => void {
  sessionEnded.add(listener);
  return () => sessionEnded.delete(listener);
}

const charon: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && request.method !== "HEAD") request.headers.set("X-Charon-CSRF", "1");
    return request;
  },
  async onResponse({ response }) {
    if (response.ok) return response;
    const problem = await readProblem(response);
    if (problem.code === "unauthenticated") sessionEnded.forEach((listener) => listener());
    throw problem;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    return new ApiProblem({ status: 0, code: "unreachable" });
  },
};

export const api = createClient<paths>({ baseUrl: window.location.origin, credentials: "same-origin" });
api.use(charon);

/** The body of a successful answer. Failures have thrown before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}
