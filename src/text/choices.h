/* Questions with several answers, of which one is right: a context and texts that may follow it,
 * from JSON lines (plain, .gz, .zst) in the form of lmtrain or of several data sets:
 *
 *     {"context": "The sky is", "choices": ["blue", "made of tea"], "label": 0}
 *     HellaSwag  {"activity_label", "ctx_a", "ctx_b", "endings", "label"}, or "ctx" for the first
 *     PIQA       {"goal", "sol1", "sol2", "label"}
 *     ARC        {"question", "choices": {"text": [...], "label": [...]}, "answerKey"}, or
 *                {"question": {"stem", "choices": [{"text", "label"}, ...]}, "answerKey"}
 *     BLiMP      {"sentence_good", "sentence_bad"}
 *
 * Other members are passed over. The text of a question is put together as in EleutherAI's
 * evaluation harness: HellaSwag's "LABEL: A B" with B begun by a capital, without what stands in
 * brackets; "Question: ...\nAnswer:" of PIQA and ARC; no context of BLiMP. */
#ifndef LM_TEXT_CHOICES_H
#define LM_TEXT_CHOICES_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum { LM_CHOICES_MOST = 64 }; /* of a question */

typedef struct lm_choices_item {
    int64_t line;   /* in its file, from 1 */
    size_t context; /* where it begins in bytes */
    int64_t first;  /* of `places` */
    int n, label;   /* 2 <= n; 0 <= label < n */
} lm_choices_item;

typedef struct lm_choices {
    const char *form; /* of the first question: "HellaSwag" */
    lm_choices_item *items;
    int64_t n_items, items_capacity;
    size_t *places; /* where choices begin in bytes */
    int64_t n_places, places_capacity;
    lm_text bytes; /* the texts, each with a 0x00 behind it */
} lm_choices;

/* Overwrites *c with the questions of a file ("-": standard input), `most` of them at most (0:
 * all). LM_ERR_USAGE names the line that is no question, and what was expected. */
lm_status lm_choices_read(lm_choices *c, const char *path, int64_t most, lm_error *err);
/* The same of a text; `file` names it in errors. */
lm_status lm_choices_parse(lm_choices *c, const char *file, const char *text, size_t size,
                           int64_t most, lm_error *err);
const char *lm_choices_context(const lm_choices *c, int64_t item);
const char *lm_choices_choice(const lm_choices *c, int64_t item, int choice);
void lm_choices_free(lm_choices *c); /* zero-initialised or twice is fine */

#endif
