/* The text of tokens that are generated one after another, as far as it is certain.
 *
 *     lm_generated g;
 *     lm_generated_begin(&g, tokenizer, stops, n_stops);
 *     lm_generated_prompt(&g, token, err);  ...     // the prompt's, in which nothing is searched
 *     while (!g.stopped) { lm_generated_put(&g, token, err);  print the first g.certain bytes of
 *                          g.text;  lm_generated_take(&g, g.certain); }
 *     lm_generated_finish(&g);                      // what was held back is certain now
 *     lm_generated_free(&g);
 *
 * The first stop text ends the text, wherever the tokens that make it up begin and end; it is not
 * part of it. Held back are bytes that may be the beginning of a stop text, and at the end of the
 * text bytes that may be the beginning of a character (UTF-8). lm_generated_finish leaves such half
 * a character off. */
#ifndef LM_CLI_GENERATE_TEXT_H
#define LM_CLI_GENERATE_TEXT_H

#include "tokenizer/tokenizer.h"

typedef struct lm_generated {
    const lm_tokenizer *tokenizer;
    const char *const *stops; /* [n_stops], none of them empty */
    int n_stops;
    lm_text text;   /* not taken yet */
    size_t certain; /* bytes of it */
    size_t begins;  /* where in it generated text begins, behind the prompt */
    bool begun;     /* some token had text */
    bool stopped;   /* at a stop text */
} lm_generated;

/* Overwrites *g. tokenizer and stops must outlive it. */
void lm_generated_begin(lm_generated *g, const lm_tokenizer *tokenizer, const char *const *stops,
                        int n_stops);
/* Both append the text of a token: of the prompt, and of what is generated. */
lm_status lm_generated_prompt(lm_generated *g, int32_t token, lm_error *err);
lm_status lm_generated_put(lm_generated *g, int32_t token, lm_error *err);
/* Forgets the first n bytes, n <= g->certain. */
void lm_generated_take(lm_generated *g, size_t n);
void lm_generated_finish(lm_generated *g);
void lm_generated_free(lm_generated *g); /* zero-initialised or twice is fine */

#endif
