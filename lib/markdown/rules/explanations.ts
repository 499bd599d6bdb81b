// What each kind of finding means, in words for an author.

export const explanations = {
  'line-ends': 'lines end in CRLF: Writebook then misses the end of a fence, and links defined after it',
  'fence-info':
    'more than one word after a fence: Writebook takes the fence for text, and its end swallows what follows',
  'comment-in-text': 'Writebook prints a comment that does not stand between two empty lines',
  'html-dropped': 'Writebook leaves out this HTML tag and shows the text within it',
  'html-block':
    'Writebook reads HTML up to its closing tag, GitHub up to the next empty line: Markdown within it, or after it, is read by one of them only',
  'heading-indent': 'spaces before the #: Writebook shows the heading as text',
  'heading-hash': 'Writebook removes every # at the end of a heading',
  'heading-lines': 'of several lines above an underline, Writebook makes only the last a heading',
  'hash-at-start': 'a line that begins with # is a heading in Writebook, even without a space after it',
  'rule-after-text': 'no empty line before ---: Writebook makes a heading of the line above it',
  alert: 'GitHub makes a coloured box of this quote, Writebook prints the word in brackets',
  'table-pipe': 'a \\| still ends the cell in Writebook, and the rest of the row is lost',
  'table-row': 'Writebook ends or fills this table otherwise than GitHub',
  footnote: 'Writebook has no footnotes: the mark is printed, or becomes a link to the first word of the note',
  'definition-twice': 'a link defined twice: Writebook takes the last definition, GitHub the first',
  joined: 'Writebook makes one list or quote of this and the one before it',
  'list-indent': 'Writebook wants four spaces for each level of a list, and for all that belongs to an item',
  'list-start': 'Writebook counts every list from 1',
  'list-bracket': 'Writebook knows no lists with 1), only with 1.',
  'list-lines': 'an empty line is needed here, so that both see where the list begins and what is in it',
  'number-at-start': 'Writebook takes a number and a dot at the start of a line for a list, and the number is lost',
  'item-in-text': 'Writebook takes a line that begins with -, + or * for an item of a list, also within a paragraph',
  'task-list': 'Writebook has no boxes to tick and prints the brackets; the characters ☐ and ☑ look alike in both',
  'backslash-break': 'Writebook prints a backslash at the end of a line; two spaces there break the line in both',
  backslash: 'Writebook prints this backslash; the character after it needs none',
  emphasis: 'Writebook pairs these marks otherwise than GitHub',
  strikethrough: 'Writebook strikes out only what stands between ~~ and ~~',
  mark: 'Writebook marks what stands between == and ==, GitHub prints them; the tag <mark> is read by both',
  strong: 'bold in Writebook only, GitHub prints the marks; the tag <strong> is read by both',
  sign: 'Writebook reads more into this character than GitHub; a backslash keeps it a character',
  address: 'Writebook and GitHub end this address at different places',
  'link-space': 'a link in Writebook only, because of the space before its bracket',
  'link-address': 'spaces or brackets in this address are read differently; as %20, %28 and %29 they are not',
  'image-text': 'Writebook does not read marks, and does not escape quotes, in the text of an image',
  'image-size': 'Writebook takes the size for a part of the address; the tag <img> is read by both',
  other: 'shown differently',
} as const;

export type MarkdownCode = keyof typeof explanations;
