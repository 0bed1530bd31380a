/* Which windows of a step are to blame, for people. */
#include "train/windows.h"

#include <math.h>
#include <stdlib.h>

#include "base/numbers.h"

enum { TEXT_BYTES = 200 };

static bool is_worse(double a, double b) {
    if (!isfinite(a) || !isfinite(b)) return !isfinite(a) && isfinite(b);
    return a > b;
}

/* The worst of n windows by these figures into order [most], the first of equal ones first; returns
 * how many there are. */
static int find_worst(const double *figures, int64_t n, int64_t *order, int most) {
    int found = 0;
    for (int64_t i = 0; i < n; i++) {
        int at = found;
        while (at > 0 && is_worse(figures[i], figures[order[at - 1]])) at--;
        if (at == most) continue;
        if (found < most) found++;
        for (int k = found - 1; k > at; k--) order[k] = order[k - 1];
        order[at] = i;
    }
    return found;
}

/* The gradient norms of all windows; malloc'd. */
static lm_status measure(lm_trainer *t, double **norms, lm_error *err) {
    *norms = calloc((size_t)t->batch_windows, sizeof **norms);
    if (!*norms) return lm_error_no_memory(err, NULL);
    lm_status status = LM_OK;
    for (int64_t i = 0; i < t->batch_windows && status == LM_OK; i++)
        status = lm_trainer_window_norm(t, i, &(*norms)[i], err);
    return status;
}

/* How the text of a window begins; malloc'd, NULL without memory. */
static char *decode(const lm_trainer *t, const int32_t *tokens, int64_t n) {
    lm_text text = {0};
    lm_text_append(&text, "", 0);
    for (int64_t i = 0; i < n && text.length < TEXT_BYTES; i++)
        lm_tokenizer_decode(t->setup.tokens_of, tokens[i], &text);
    size_t end = lm_size_min(text.length, TEXT_BYTES);
    if (end < text.length) /* half a character at the end goes */
        while (end > 0 && ((unsigned char)text.data[end] & 0xC0) == 0x80) end--;
    for (size_t i = 0; i < end; i++)
        if (!text.data[i]) text.data[i] = ' '; /* what lies behind it would be lost */
    text.length = end;
    if (!text.failed) text.data[end] = '\0';
    return text.failed ? NULL : text.data;
}

static lm_status describe(const lm_trainer *t, int64_t i, int32_t *tokens, lm_window_figures *f,
                          lm_error *err) {
    const lm_sources *train = &t->setup.train;
    const int64_t time = t->config->model.context_length;
    const int64_t window = lm_trainer_window(t, i), index = window - t->state.data_start;
    const lm_window_place place = lm_sources_place(train, index);
    *f = (lm_window_figures){.window = window,
                             .source = place.source->name,
                             .file = place.file,
                             .token = place.token,
                             .byte = place.byte,
                             .loss = t->window_losses[i] / (double)time};
    lm_status status = lm_sources_window(train, index, tokens, err);
    if (status != LM_OK || !t->setup.tokens_of) return status;
    char *text = decode(t, tokens, time + 1);
    f->text = text;
    return text ? LM_OK : lm_error_no_memory(err, NULL);
}

lm_status lm_windows_find(lm_windows *w, lm_trainer *t, lm_error *err) {
    const bool by_norm = isfinite(t->refused.loss) && !isfinite(t->refused.grad_norm);
    const int64_t n = t->batch_windows;
    int64_t order[LM_GUARD_MOST_WINDOWS];
    double *norms = NULL;
    *w = (lm_windows){.first = t->state.samples, .last = t->state.samples - 1};
    if (n == 0) return LM_OK; /* the step was taken in an earlier session */
    *w = (lm_windows){.first = lm_trainer_window(t, 0), .last = lm_trainer_window(t, n - 1)};
    int32_t *tokens = malloc((size_t)(t->config->model.context_length + 1) * sizeof *tokens);
    lm_status status = tokens ? LM_OK : lm_error_no_memory(err, NULL);
    if (status == LM_OK && by_norm) status = measure(t, &norms, err);
    if (status != LM_OK) goto out;
    int found = find_worst(by_norm ? norms : t->window_losses, n, order, LM_GUARD_MOST_WINDOWS);
    for (; w->count < found && status == LM_OK; w->count++) {
        lm_window_figures *f = &w->worst[w->count];
        status = describe(t, order[w->count], tokens, f, err);
        f->has_norm = by_norm;
        if (by_norm) f->grad_norm = norms[order[w->count]];
    }
out:
    free(tokens);
    free(norms);
    if (status != LM_OK) lm_windows_free(w);
    return status;
}

void lm_windows_free(lm_windows *w) {
    for (int i = 0; i < w->count; i++) free((char *)w->worst[i].text);
    *w = (lm_windows){0};
}
