/* libFuzzer target for questions with several answers: make fuzz T=choices. What is accepted must
 * hold together: labels that name a choice, texts that end inside the bytes of all. */
#include <stdint.h>
#include <string.h>

#include "text/choices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_text(const lm_choices *c, const char *text) {
    LM_ASSERT(text >= c->bytes.data && text < c->bytes.data + c->bytes.length);
    LM_ASSERT(text + strlen(text) < c->bytes.data + c->bytes.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_choices c;
    lm_error err;
    if (lm_choices_parse(&c, "fuzz", (const char *)data, size, 0, &err) != LM_OK) {
        LM_ASSERT(err.code != LM_OK && *err.message && c.n_items == 0);
        return 0;
    }
    LM_ASSERT(c.n_items > 0 && c.form);
    for (int64_t i = 0; i < c.n_items; i++) {
        LM_ASSERT(c.items[i].n >= 2 && c.items[i].n <= LM_CHOICES_MOST);
        LM_ASSERT(c.items[i].label >= 0 && c.items[i].label < c.items[i].n);
        expect_text(&c, lm_choices_context(&c, i));
        for (int k = 0; k < c.items[i].n; k++) {
            expect_text(&c, lm_choices_choice(&c, i, k));
            LM_ASSERT(*lm_choices_choice(&c, i, k));
        }
    }
    lm_choices_free(&c);
    return 0;
}
