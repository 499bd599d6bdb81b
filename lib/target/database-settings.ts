// An app's database, and how it is migrated.

export type Database = SqliteDatabase | PostgresDatabase;

export type SqliteDatabase = {
  kind: 'sqlite';
  /** Absolute path of the database file on the host. */
  file: string;
  /** The user who may read and write it, through `sudo -n -u`; undefined: the deploy user. */
  as: string | undefined;
  /** Two processes must never have it open at once. */
  exclusive: boolean;
  /** Folder for the snapshots taken before a deploy changes the database. */
  snapshots: string;
  /** How many of them stay. */
  keep: number;
};

export type PostgresDatabase = {
  kind: 'postgres';
  /** A service of the compose project that no deploy stops, or the variable of an env file on the host that has its URL. */
  at: { service: string; user: string; name: string } | { variable: string };
  /** The user who may read that env file, through `sudo -n -u`; undefined: the deploy user. */
  as: string | undefined;
  /** Folder for the dumps taken before a deploy changes the database, and how many of them stay. */
  snapshots: string;
  keep: number;
};

export type Migration = {
  /** Shell text: prisma, alembic and rails presets are expanded to theirs. */
  command: string;
  preset: 'prisma' | 'alembic' | 'rails' | undefined;
  /** compose: the service whose image runs it. */
  service: string | undefined;
  /** Seconds it may take. */
  seconds: number;
};
