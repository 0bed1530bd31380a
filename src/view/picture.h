/* Runs as a picture for a terminal: what each is doing, and the curves of their losses over one
 * another.
 *
 *     book   running   61%  step 1,234 of 2,000   152 k tok/s   0:41, 0:25 left
 *     loss 1.8342   val 1.7610   best 1.7502 at 1,100
 *
 *     5.4 ┤⣇
 *         │⠈⠢⢄⣀
 *     1.6 ┤     ⠉⠉⠒⠒⠤⠤⣀⣀
 *         1                1,234   loss  val
 *
 * Of several runs a table, a line each, those that are running first, then the best, then
 * those that diverged or failed. */
#ifndef LM_VIEW_PICTURE_H
#define LM_VIEW_PICTURE_H

#include "view/braille.h"
#include "view/run.h"

/* Appends lines, none of them wider than look->columns, at most look->rows of them. */
void lm_picture_print(const lm_view_run *runs, int64_t n, const lm_look *look, lm_text *out);

#endif
