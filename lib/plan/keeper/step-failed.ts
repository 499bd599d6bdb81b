// The error of a step that failed on the host, with its output.

/** A step's command ended with a code; the one who knows the step explains it. */
export class StepFailed extends Error {
  readonly title: string;
  readonly code: number;
  /** What the command wrote to descriptor 3. */
  readonly answer: string;
  constructor(title: string, code: number, answer: string, message: string) {
    super(message);
    this.name = 'StepFailed';
    this.title = title;
    this.code = code;
    this.answer = answer;
  }
}
