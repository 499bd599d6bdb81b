CREATE TABLE chapters (number INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE visits (count INTEGER NOT NULL);
INSERT INTO visits VALUES (0);

INSERT INTO chapters VALUES
(1, 'A Machine with an Address', 'Somewhere in a rack of blinking lights there is a machine that does one thing: it keeps a book open. It has two cores, a little memory, and an address. That is enough.

It does not know how many people will come. It only knows how to answer the next one, and then the one after.'),
(2, 'The New Edition', 'A new edition arrives in the night. The old one is not thrown away; it is put on the shelf behind the door, with the page marked.

If the new edition opens at the first page and reads well, it takes the place on the table. If not, the old one is back before the kettle boils.'),
(3, 'What the Reader Must Not Notice', 'The best work on a small server is the work nobody sees. A reader turns a page. Behind the page somebody has changed the paper, the ink and the light in the room.

The reader says: it is a little brighter today. That is all the praise there is.'),
(4, 'The Spare Key', 'One day the machine will be gone, as machines go. Then it is worth something that the chapters, the letters and the margins were copied elsewhere last night, and that somebody tried the copy.

A copy that nobody has opened is a hope. A copy that was opened yesterday is a key.');
