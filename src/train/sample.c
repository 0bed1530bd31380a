#include "train/sample.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

#define TEMPERATURE 0.8 /* as of lmtrain generate */

lm_status lm_sampling_open(lm_sampling *s, const lm_config *config, const lm_run_state *state,
                           const lm_tokenizer *t, lm_error *err) {
    const char *prompt = config->log.sample_prompt;
    *s = (lm_sampling){.tokens = config->log.sample_tokens, .seed = (uint64_t)config->run.seed};
    if (!t)
        return lm_error_set(err, LM_ERR_USAGE,
                            "log.sample_every: no text can be written, since the tokenizer of the"
                            " data is not known: give data.tokenizer");
    s->begin = lm_saved_begin_token(state, &config->model, t);
    s->end = lm_tokenizer_end_token(t);
    s->starts = !*prompt;
    lm_status status = LM_OK;
    if ((s->starts || lm_tokenizer_begins(t)) && s->begin >= 0)
        status = lm_token_list_append(&s->prompt, s->begin, err);
    else if (s->starts)
        status = lm_tokenizer_encode(t, "\n", 1, &s->prompt, err);
    if (status == LM_OK && *prompt)
        status = lm_tokenizer_encode(t, prompt, strlen(prompt), &s->prompt, err);
    for (int64_t i = 0; i < s->prompt.count && status == LM_OK; i++)
        if (s->prompt.ids[i] >= config->model.vocab_size)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "log.sample_prompt: token %" PRId32
                                  " is outside of the model's vocabulary of %" PRId64,
                                  s->prompt.ids[i], config->model.vocab_size);
    if (status == LM_OK && s->prompt.count == 0)
        status =
            lm_error_set(err, LM_ERR_USAGE,
                         "log.sample_prompt: expected a text, since no token begins a document");
    if (status != LM_OK) lm_sampling_close(s);
    return status;
}

lm_status lm_sampling_write(lm_sampling *s, lm_model *model, const lm_tokenizer *t, int64_t step,
                            lm_error *err) {
    const lm_model_options *m = lm_model_get_options(model);
    const lm_sample_options how = {
        .temperature = TEMPERATURE, .top_p = 1, .repetition_penalty = 1, .seed = s->seed};
    const int64_t rest = m->context_length - lm_min(m->context_length, s->prompt.count);
    const lm_decoder_options cache = {.capacity = s->tokens < rest ? s->prompt.count + s->tokens
                                                                   : m->context_length};
    lm_decoder *d = NULL;
    double *workspace = calloc(2 * (size_t)m->vocab_size, sizeof *workspace);
    lm_status status =
        workspace ? lm_decoder_create(&d, model, &cache, err) : lm_error_no_memory(err, "a sample");
    s->text.length = 0;
    lm_text_append(&s->text, "", 0);
    if (status != LM_OK) goto out;
    const float *logits = lm_decoder_feed(d, 0, s->prompt.ids, s->prompt.count);
    for (int64_t i = 0; i < s->tokens; i++) {
        int32_t token = lm_sample(&how, logits, m->vocab_size, NULL, 0, (uint64_t)i, workspace);
        if (token == s->end || token == s->begin) break;
        if (s->starts && i == 0)
            lm_tokenizer_decode_first(t, token, &s->text);
        else
            lm_tokenizer_decode(t, token, &s->text);
        if (i + 1 < s->tokens) logits = lm_decoder_next(d, token);
    }
    if (s->text.failed) status = lm_error_no_memory(err, "a sample");
    s->step = step;
out:
    lm_decoder_free(d);
    free(workspace);
    return status;
}

void lm_sampling_close(lm_sampling *s) {
    lm_token_list_free(&s->prompt);
    lm_text_free(&s->text);
    *s = (lm_sampling){0};
}
