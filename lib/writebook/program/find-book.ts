// Asks the application for the state of one book, and says what to do when there is no such book.
import { Failure } from '../../errors.ts';
import { targetName, taskCommand, type TargetName } from '../../target/command.ts';
import { stateAnswer } from './answers.ts';
import type { BookName, BookState } from '../content.ts';
import type { Application } from './application.ts';
import { runProgram } from './program.ts';

/** @returns undefined when there is none and `make` allows to make one. @throws Failure 2 when there is none */
export async function findBook(application: Application, name: string, make: boolean): Promise<BookState | undefined> {
  const answer = await runProgram(application, { do: 'state', book: name }, stateAnswer);
  if (answer.book !== null) return answer;
  if (make && !/^\d+$/.test(name)) return undefined;
  throw noSuchBook(application.target, name, answer.books);
}

export function noSuchBook(target: TargetName, name: string, books: readonly BookName[]): Failure {
  const detail = books.map(({ id, title }) => `${id}  ${title}`).join('\n') || 'it has no books';
  return new Failure(2, `${targetName(target)} has no book ${JSON.stringify(name)}`, {
    detail,
    advice: `--book takes a number, a slug or an exact title; with --create, ${taskCommand('import-chapters', target)} makes the book`,
  });
}
