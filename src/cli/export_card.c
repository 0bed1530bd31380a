#include "cli/export_card.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "interop/encode.h"
#include "report/metrics.h"

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void lm_export_about(const lm_interop_export *e, const lm_saved *saved, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_text config = {0};
    lm_config_print_result(&saved->config, &config);
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "to", lm_interop_format_name((int)e->class->format));
    lm_json_string(&w, "class", e->class->name);
    lm_json_string(&w, "dtype", lm_interop_dtype_name(e->dtype));
    lm_json_string(&w, "checkpoint", file_name(saved->path));
    lm_json_integer(&w, "step", saved->state.step);
    lm_json_integer(&w, "tokens", saved->state.tokens);
    lm_json_number(&w, "train_loss", saved->state.train_loss);
    if (lm_saved_weights_kind(saved)) lm_json_string(&w, "weights", lm_saved_weights_kind(saved));
    lm_json_number(&w, "val_loss", lm_saved_val_loss(saved));
    lm_json_digest(&w, "digest", saved->state.digest);
    lm_json_text(&w, "config", lm_text_cstr(&config), config.length);
    lm_json_end(&w);
    out->failed |= config.failed;
    lm_text_free(&config);
}

static void put_model(const lm_interop_export *e, const lm_saved *saved, lm_text *out) {
    const lm_model_options *m = e->ours;
    lm_text_printf(out, "| class | %s |\n", e->class->name);
    lm_text_printf(out, "| parameters | %" PRId64 ", stored as %s |\n", saved->state.parameters,
                   lm_interop_dtype_name(e->dtype));
    lm_text_printf(out,
                   "| size | %" PRId64 " layers of %" PRId64 " channels, %" PRId64
                   " heads, MLP of %" PRId64 " |\n",
                   m->n_layers, m->d_model, m->n_heads, m->d_ff);
    lm_text_printf(out, "| vocabulary | %" PRId64 " tokens |\n", m->vocab_size);
    lm_text_printf(out, "| context | %" PRId64 " tokens |\n", m->context_length);
}

/* Of a model that came from elsewhere and was not trained here, nothing is known. */
static void put_training(const lm_saved *saved, lm_text *out) {
    const lm_run_state *s = &saved->state;
    const lm_data_sources *train = &saved->config.data.train;
    if (s->step == 0) return;
    lm_text_printf(out, "| training data | ");
    for (int64_t i = 0; i < train->count; i++)
        lm_text_say(out, "%s`%s`", i > 0 ? ", " : "", train->items[i].path);
    lm_text_printf(out, " |\n| training | %" PRId64 " steps, %" PRId64 " tokens |\n", s->step,
                   s->tokens);
    if (isfinite(s->train_loss))
        lm_text_printf(out, "| training loss | %.4f nats per token |\n", s->train_loss);
    if (lm_saved_weights_kind(saved))
        lm_text_printf(out, "| weights | %s (`train.ema`) |\n", lm_saved_weights_kind(saved));
    const double val_loss = lm_saved_val_loss(saved);
    if (isfinite(val_loss))
        lm_text_printf(out,
                       "| validation loss | %.4f nats per token at step %" PRId64
                       " (perplexity %.4g) |\n",
                       val_loss, s->val_step, lm_perplexity(val_loss));
    lm_text_printf(out, "| digest of the run | `%016" PRIx64 "` |\n", s->digest);
}

/* AutoTokenizer does not heed the tokenizer.json of a Qwen2 (interop/export_hf.c). */
static void put_use(const lm_interop_export *e, lm_text *out) {
    const char *loader = strcmp(e->class->name, "Qwen2ForCausalLM") == 0 ? "PreTrainedTokenizerFast"
                                                                         : "AutoTokenizer";
    lm_text_printf(out,
                   "\n## Use\n\n```python\n"
                   "from transformers import AutoModelForCausalLM, %s\n\n"
                   "model = AutoModelForCausalLM.from_pretrained(\".\")\n"
                   "tokenizer = %s.from_pretrained(\".\")\n"
                   "ids = tokenizer(\"Once\", return_tensors=\"pt\").input_ids\n"
                   "print(tokenizer.decode(model.generate(ids, max_new_tokens=50)[0]))\n```\n",
                   loader, loader);
}

static void put_remarks(const lm_interop_export *e, lm_text *out) {
    lm_text remarks = {0};
    lm_interop_remarks(e->class, e->ours, &remarks);
    if (remarks.length > 0) lm_text_printf(out, "\n## Remarks\n\n");
    for (const char *at = lm_text_cstr(&remarks); *at; at += strcspn(at, "\n") + 1)
        lm_text_say(out, "- %.*s\n", (int)strcspn(at, "\n"), at);
    lm_text_free(&remarks);
}

void lm_export_card(const lm_interop_export *e, const lm_saved *saved, lm_text *out) {
    lm_text_printf(out, "---\nlibrary_name: transformers\npipeline_tag: text-generation\n"
                        "tags:\n- lmtrain\n---\n");
    lm_text_say(out, "# %s\n\n%s by lmtrain %s.\n\n| | |\n|---|---|\n", e->name,
                saved->state.step > 0 ? "Trained and exported" : "Exported", LM_VERSION);
    put_model(e, saved, out);
    put_training(saved, out);
    if (e->tokenizer) put_use(e, out);
    put_remarks(e, out);
    lm_text_printf(out, "\n## Config\n\n```json\n");
    lm_config_print_result(&saved->config, out);
    lm_text_printf(out, "```\n");
}
