#include "report/targets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "report/line.h"

void lm_targets_begin(lm_targets *t, const double *losses, int64_t count) {
    *t = (lm_targets){0};
    for (int64_t i = 0; i < count && t->count < LM_TARGETS_MOST; i++) {
        int64_t at = 0;
        while (at < t->count && t->items[at].loss > losses[i]) at++;
        if (at < t->count && t->items[at].loss == losses[i]) continue;
        memmove(&t->items[at + 1], &t->items[at], (size_t)(t->count - at) * sizeof *t->items);
        t->items[at] = (lm_target){.loss = losses[i]};
        t->count++;
    }
}

/* A share of the way from a to b. */
static lm_target_point between(const lm_target_point *a, const lm_target_point *b, double share) {
    return (lm_target_point){a->step + share * (b->step - a->step),
                             a->tokens + share * (b->tokens - a->tokens),
                             a->seconds + share * (b->seconds - a->seconds)};
}

int64_t lm_targets_add(lm_targets *t, double loss, const lm_target_point *at) {
    int64_t reached = 0;
    for (int64_t i = 0; i < t->count; i++) {
        lm_target *target = &t->items[i];
        if (target->reached || !(loss <= target->loss)) continue;
        target->reached = true;
        target->at = target->crossed = *at;
        if (t->began && isfinite(t->loss))
            target->crossed = between(&t->last, at, (t->loss - target->loss) / (t->loss - loss));
        reached++;
    }
    t->began = true;
    t->loss = loss;
    t->last = *at;
    return reached;
}

lm_status lm_targets_read(lm_targets *t, const char *path, lm_error *err) {
    lm_mapping map = {0};
    if (t->count == 0 || !lm_file_exists(path)) return LM_OK;
    lm_status status = lm_file_map(&map, path, err);
    if (status != LM_OK) return status;
    const char *text = (const char *)map.data, *end;
    for (size_t at = 0; at < map.size; at = (size_t)(end - text) + 1) {
        lm_target_point p;
        double loss;
        const char *line = text + at;
        if (!(end = memchr(line, '\n', map.size - at))) break;
        size_t length = (size_t)(end - line) + 1;
        if (lm_metrics_figure(line, length, "val_loss", &loss) &&
            lm_metrics_figure(line, length, "step", &p.step) &&
            lm_metrics_figure(line, length, "tokens", &p.tokens) &&
            lm_metrics_figure(line, length, "seconds", &p.seconds))
            lm_targets_add(t, loss, &p);
    }
    lm_file_unmap(&map);
    return LM_OK;
}

static void write_point(const lm_target_point *p, double flops_per_token, double unit,
                        lm_json_writer *w) {
    lm_json_number(w, "step", round(p->step / unit) * unit);
    lm_json_number(w, "tokens", round(p->tokens));
    lm_json_number(w, "flops", round(p->tokens) * flops_per_token);
    lm_json_number(w, "seconds", round(p->seconds * 1e4) / 1e4);
}

void lm_targets_write(const lm_targets *t, double flops_per_token, lm_json_writer *w) {
    if (t->count == 0) return;
    lm_json_array(w, "targets", LM_JSON_LINES);
    for (int64_t i = 0; i < t->count; i++) {
        const lm_target *target = &t->items[i];
        const lm_target_point none = {NAN, NAN, NAN};
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_number(w, "loss", target->loss);
        write_point(target->reached ? &target->at : &none, flops_per_token, 1, w);
        lm_json_object(w, "interpolated", LM_JSON_LINE);
        write_point(target->reached ? &target->crossed : &none, flops_per_token, 0.01, w);
        lm_json_end(w);
        lm_json_end(w);
    }
    lm_json_end(w);
}

void lm_targets_write_reached(const lm_targets *t, int64_t step, lm_json_writer *w) {
    bool any = false;
    for (int64_t i = 0; i < t->count; i++) {
        if (!t->items[i].reached || t->items[i].at.step < (double)step) continue;
        if (!any) lm_json_array(w, "targets", LM_JSON_TIGHT);
        lm_json_number(w, NULL, t->items[i].loss);
        any = true;
    }
    if (any) lm_json_end(w);
}

void lm_target_print(const lm_target *t, double flops_per_token, lm_text *out) {
    char took[32], tokens[32], flops[32];
    const double seconds = t->at.seconds;
    if (!t->reached) {
        lm_text_say(out, "%.6g not reached", t->loss);
        return;
    }
    if (seconds < 100)
        snprintf(took, sizeof took, "%.2f s", seconds);
    else
        lm_line_duration(took, sizeof took, seconds);
    lm_text_say(out, "%.6g at step %.0f: %s, %s tokens, %sFLOP", t->loss, t->at.step, took,
                lm_text_count(tokens, sizeof tokens, t->at.tokens),
                lm_text_count(flops, sizeof flops, t->at.tokens * flops_per_token));
}
