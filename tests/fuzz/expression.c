/* libFuzzer target for expressions of sweeps: make fuzz T=expression. What is read has a value, or
 * an error whose place lies in the text. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lm_value look_up(const void *context, int means) {
    (void)context;
    return (lm_value){.kind = LM_VALUE_NUMBER, .number = means + 0.5};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_expression *e;
    lm_expression_stop stop;
    lm_value v;
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = '\0';
    bool read = lm_expression_parse(&e, text, &stop);
    if (read != (e != NULL)) abort();
    for (int i = 0; read && i < e->n_names; i++) {
        if (e->names[i].at >= strlen(text)) abort();
        e->names[i].means = i;
    }
    bool valued = read && lm_expression_evaluate(e, look_up, NULL, &v, &stop);
    if (!valued && (stop.at > strlen(text) || !*stop.what)) abort();
    if (valued && v.kind == LM_VALUE_NUMBER && !isfinite(v.number)) abort();
    lm_expression_free(e);
    free(text);
    return 0;
}
