// The sample book with a store and a real Postgres that has two chapters, for the tests of deploys and restores.
import { startPostgres, usesPostgres } from '../postgres/server.ts';
import { makeBackedUpBook } from './backed-up.ts';

export async function makePostgresBook() {
  const server = await startPostgres();
  const book = await makeBackedUpBook();
  const name = `book's "$HOME" %41`;
  const url = server.make('ana', `it's p@ss`, name);
  usesPostgres(book, url);
  const sql = (text: string) => server.sql(`SET ROLE ana; ${text}`, name);
  sql(
    `CREATE TABLE chapters (id serial PRIMARY KEY, title text); INSERT INTO chapters (title) VALUES ('one'), ('two')`,
  );
  const quiet = ['postgres', 'template0', 'template1', name];
  return {
    server,
    book,
    /** For psql, which knows nothing of a schema. */
    url: url.replace(/\?.*/, ''),
    sql,
    titles: () => sql("SELECT string_agg(title, ',' ORDER BY id) FROM chapters"),
    /** The databases that a deploy or a restore has made. */
    others: () => server.names().filter(one => !quiet.includes(one)),
    async end() {
      book.clean();
      await server.stop();
    },
  };
}
