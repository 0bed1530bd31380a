#include "report/summary.h"

#include <math.h>

#include "base/file.h"
#include "base/text.h"
#include "report/metrics.h"

static void number(lm_text *t, const char *key, double x) {
    lm_text_printf(t, "  \"%s\": ", key);
    lm_text_json_number(t, x);
    lm_text_append(t, ",\n", 2);
}

static void string(lm_text *t, const char *key, const char *value) {
    lm_text_printf(t, "  \"%s\": ", key);
    if (value) {
        lm_text_json_string(t, value);
    } else {
        lm_text_append(t, "null", 4);
    }
    lm_text_append(t, ",\n", 2);
}

lm_status lm_summary_write(const lm_summary *s, const char *path, lm_error *err) {
    lm_text t = {0};
    double bytes = s->bytes_per_token;
    lm_text_printf(&t, "{\n");
    string(&t, "reason", s->reason);
    number(&t, "exit_code", s->exit_code);
    number(&t, "step", (double)s->step);
    number(&t, "steps", (double)s->steps);
    number(&t, "tokens", (double)s->tokens);
    number(&t, "parameters", (double)s->parameters);
    number(&t, "train_loss", s->train_loss);
    number(&t, "val_loss", s->val_loss);
    number(&t, "val_perplexity", lm_perplexity(s->val_loss));
    if (bytes > 0) number(&t, "val_bits_per_byte", lm_bits_per_byte(s->val_loss, bytes));
    number(&t, "best_val_loss", s->best_val_loss);
    number(&t, "best_val_step", isnan(s->best_val_loss) ? (double)NAN : (double)s->best_val_step);
    number(&t, "seconds", round(s->seconds * 1e3) / 1e3);
    number(&t, "tokens_per_s", round(s->tokens_per_s));
    number(&t, "peak_resident_bytes", s->peak_resident);
    string(&t, "checkpoint", s->checkpoint);
    lm_text_printf(&t, "  \"version\": \"%s\"\n}\n", LM_VERSION);
    lm_status status = t.failed ? lm_error_no_memory(err, path)
                                : lm_file_replace(path, lm_text_cstr(&t), t.length, err);
    lm_text_free(&t);
    return status;
}
