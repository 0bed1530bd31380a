#include "view/braille.h"

#include <stdlib.h>
#include <string.h>

bool lm_braille_begin(lm_braille *b, int columns, int rows) {
    lm_braille_free(b);
    size_t n = (size_t)columns * (size_t)rows;
    b->dots = calloc(n + 1, 1);
    b->colours = calloc(n + 1, 1);
    if (!b->dots || !b->colours) return false;
    b->columns = columns;
    b->rows = rows;
    return true;
}

void lm_braille_dot(lm_braille *b, int colour, int x, int y) {
    static const unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    if (x < 0 || y < 0 || x >= 2 * b->columns || y >= 4 * b->rows) return;
    int at = y / 4 * b->columns + x / 2;
    b->dots[at] |= bits[y % 4][x % 2];
    b->colours[at] = (signed char)(colour % LM_BRAILLE_COLOURS);
}

/* Bresenham 1965 */
void lm_braille_line(lm_braille *b, int colour, int x0, int y0, int x1, int y1) {
    int dx = abs(x1 - x0), dy = -abs(y1 - y0), error = dx + dy;
    int right = x0 < x1 ? 1 : -1, down = y0 < y1 ? 1 : -1;
    for (;;) {
        lm_braille_dot(b, colour, x0, y0);
        if (x0 == x1 && y0 == y1) return;
        int twice = 2 * error;
        if (twice >= dy) {
            error += dy;
            x0 += right;
        }
        if (twice <= dx) {
            error += dx;
            y0 += down;
        }
    }
}

void lm_braille_colour(int colour, const lm_look *look, lm_text *out) {
    /* Of the 256 colours those that look like the page's, on dark and on light. */
    static const int codes[LM_BRAILLE_COLOURS] = {33, 208, 36, 170, 178, 80, 211, 245};
    if (!look->colour) return;
    if (colour < 0)
        lm_text_append(out, "\033[0m", 4);
    else
        lm_text_printf(out, "\033[38;5;%dm", codes[colour % LM_BRAILLE_COLOURS]);
}

static void put_cell(unsigned char dots, bool ascii, lm_text *out) {
    if (dots == 0) {
        lm_text_append(out, " ", 1);
    } else if (ascii) {
        bool upper = dots & (1 | 8 | 2 | 16), lower = dots & (4 | 32 | 64 | 128);
        lm_text_append(out, upper && lower ? ":" : upper ? "'" : ".", 1);
    } else {
        const unsigned char utf8[3] = {0xE2, (unsigned char)(0xA0 | dots >> 6),
                                       (unsigned char)(0x80 | (dots & 63))};
        lm_text_append(out, utf8, 3);
    }
}

int lm_braille_row(const lm_braille *b, int row, const lm_look *look, lm_text *out) {
    const unsigned char *dots = b->dots + row * b->columns;
    int end = b->columns, now = -1;
    while (end > 0 && dots[end - 1] == 0) end--;
    for (int i = 0; i < end; i++) {
        int colour = b->colours[row * b->columns + i];
        if (dots[i] && colour != now) lm_braille_colour(now = colour, look, out);
        put_cell(dots[i], look->ascii, out);
    }
    if (now >= 0) lm_braille_colour(-1, look, out);
    return end;
}

void lm_braille_free(lm_braille *b) {
    free(b->dots);
    free(b->colours);
    *b = (lm_braille){0};
}
