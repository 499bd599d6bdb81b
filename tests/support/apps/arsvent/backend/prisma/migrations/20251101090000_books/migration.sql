CREATE TABLE "books" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL);
INSERT INTO "books" ("title") VALUES ('A Christmas Carol'), ('The Snow Queen');
