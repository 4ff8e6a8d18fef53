// An answer that is not a success, always with a sentence that a person can act on.
import type { Problem } from "./schema";

export interface FieldError {
  field: string;
  message: string;
}

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: FieldError[];
  readonly requestId: string | undefined;
  /** Seconds to wait, from Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(problem: Partial<Problem> & { status: number }, retryAfter?: number) {
    super(problem.detail ?? problem.title ?? "");
    this.name = "ApiProblem";
    this.status = problem.status;
    this.code = problem.code ?? "internal";
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
    this.retryAfter = retryAfter;
  }
}

/** Reads any failed answer, also one that a proxy in between made (HTML, empty). */
export async function readProblem(response: Response): Promise<ApiProblem> {
  const wait = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : undefined;
  let body: Partial<Problem> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
    body = { code: "not-charon" };
  }
  return new ApiProblem({ ...body, status: response.status }, retryAfter);
}
