/* Curves in a terminal, in characters of 2 by 4 dots (U+2800 .. U+28FF).
 *
 *     lm_braille b = {0};
 *     lm_braille_begin(&b, 60, 12);                 // characters: 120 by 48 dots
 *     lm_braille_line(&b, 0, x0, y0, x1, y1);       // dots, from the upper left; colour 0
 *     lm_braille_row(&b, 0, &look, &text);          // its first row of characters
 *     lm_braille_free(&b);
 *
 * A character has one colour, that of what was drawn in it last. */
#ifndef LM_VIEW_BRAILLE_H
#define LM_VIEW_BRAILLE_H

#include <stdbool.h>

#include "base/text.h"

enum { LM_BRAILLE_COLOURS = 8 };

/* How it is put on a terminal. */
typedef struct lm_look {
    int columns, rows;
    bool colour; /* escape sequences for colours and weight */
    bool ascii;  /* ' . : in place of braille */
} lm_look;

typedef struct lm_braille {
    int columns, rows;    /* characters */
    unsigned char *dots;  /* [rows, columns]: bits of U+2800 */
    signed char *colours; /* [rows, columns] */
} lm_braille;

/* false: no memory. What was there goes. */
bool lm_braille_begin(lm_braille *b, int columns, int rows);
/* What lies outside is left out. */
void lm_braille_dot(lm_braille *b, int colour, int x, int y);
void lm_braille_line(lm_braille *b, int colour, int x0, int y0, int x1, int y1);
/* Appends a row, without spaces at its end; its width in characters. */
int lm_braille_row(const lm_braille *b, int row, const lm_look *look, lm_text *out);
void lm_braille_free(lm_braille *b); /* zero-initialised or twice is fine */

/* Appends the escape sequence that begins a colour (-1: ends it); nothing without colours. */
void lm_braille_colour(int colour, const lm_look *look, lm_text *out);

#endif
