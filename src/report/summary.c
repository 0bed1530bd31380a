#include "report/summary.h"

#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "report/metrics.h"

lm_status lm_summary_write(const lm_summary *s, const char *path, lm_error *err) {
    lm_text t = {0};
    lm_json_writer w = {.out = &t};
    double bytes = s->bytes_per_token;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "reason", s->reason);
    lm_json_integer(&w, "exit_code", s->exit_code);
    lm_json_integer(&w, "step", s->step);
    lm_json_integer(&w, "steps", s->steps);
    lm_json_integer(&w, "tokens", s->tokens);
    lm_json_integer(&w, "parameters", s->parameters);
    lm_json_number(&w, "train_loss", s->train_loss);
    lm_json_number(&w, "val_loss", s->val_loss);
    lm_json_number(&w, "val_perplexity", lm_perplexity(s->val_loss));
    if (bytes > 0) lm_json_number(&w, "val_bits_per_byte", lm_bits_per_byte(s->val_loss, bytes));
    lm_json_number(&w, "best_val_loss", s->best_val_loss);
    lm_json_number(&w, "best_val_step",
                   isnan(s->best_val_loss) ? (double)NAN : (double)s->best_val_step);
    lm_json_number(&w, "seconds", round(s->seconds * 1e3) / 1e3);
    lm_json_number(&w, "tokens_per_s", round(s->tokens_per_s));
    lm_json_number(&w, "peak_resident_bytes", s->peak_resident);
    lm_json_string(&w, "checkpoint", s->checkpoint);
    lm_json_string(&w, "version", LM_VERSION);
    lm_json_end(&w);
    lm_text_append(&t, "\n", 1);
    lm_status status = t.failed ? lm_error_no_memory(err, path)
                                : lm_file_replace(path, lm_text_cstr(&t), t.length, err);
    lm_text_free(&t);
    return status;
}
