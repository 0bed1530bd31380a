#include "cli/starter.h"

#include <inttypes.h>
#include <string.h>

#include "base/numbers.h"

/* Widths of the models that people train at these amounts of data (Radford et al. 2019 for the
 * last row). Learning rates are Muon's, for the scale match_rms: measured for the first row
 * (tests/bench/NOTES.md: 4e-3 at 768 tokens a step, 1.6e-2 at 4,096), 0.02 / (0.2 sqrt(768)) after
 * Jordan et al. 2024 for the last one, and falling with the width in between. */
static const struct row {
    double most_tokens; /* of the training data */
    int64_t d_model, n_layers, n_heads, context_length, batch;
    double lr;
} rows[] = {
    {2e6, 128, 4, 4, 128, 16, 8e-3},      {2e7, 256, 6, 8, 256, 16, 6e-3},
    {2e8, 384, 6, 6, 256, 32, 5e-3},      {2e9, 512, 8, 8, 512, 32, 4e-3},
    {1e300, 768, 12, 12, 1024, 64, 3e-3},
};

enum {
    TOKENS_PER_PARAMETER = 20, /* Hoffmann et al. 2022 */
    MOST_EPOCHS = 4,           /* Muennighoff et al. 2023 */
    LEAST_STEPS = 300,         /* fewer hardly teach a model anything */
    LEAST_WINDOWS = 64,        /* in the training data: else windows are shortened */
    SHORT_WINDOW = 16
};

/* Windows of at most `context` tokens, halved until the data holds enough of them; at least one
 * window must fit into the longest shard of each corpus. */
static int64_t shorten(int64_t context, const lm_starter_data *d) {
    while (context > SHORT_WINDOW && d->train_tokens / context < LEAST_WINDOWS) context /= 2;
    context = lm_min(context, d->longest_train - 1);
    return d->val ? lm_min(context, d->longest_val - 1) : context;
}

bool lm_starter_choose(lm_starter *s, const lm_starter_data *d) {
    const struct row *r = rows;
    while ((double)d->train_tokens > r->most_tokens) r++;
    *s = (lm_starter){.d_model = r->d_model,
                      .n_layers = r->n_layers,
                      .n_heads = r->n_heads,
                      .context_length = shorten(r->context_length, d),
                      .batch = r->batch,
                      .lr = r->lr};
    if (s->context_length < 1) return false;
    /* Attention has 4 C^2 weights per layer, the MLP 8 C^2. */
    s->parameters = 12 * r->n_layers * r->d_model * r->d_model + d->vocab_size * r->d_model;
    s->step_tokens = s->batch * s->context_length;
    double wanted = (double)TOKENS_PER_PARAMETER * (double)s->parameters;
    double most = (double)MOST_EPOCHS * (double)d->train_tokens;
    double steps = (wanted < most ? wanted : most) / (double)s->step_tokens;
    s->steps = lm_max(LEAST_STEPS, (int64_t)steps);
    if (s->steps > 1000) s->steps -= s->steps % 100;
    s->total_tokens = s->steps * s->step_tokens;
    s->epochs = (double)s->total_tokens / (double)d->train_tokens;
    return true;
}

/* ---- the text ---------------------------------------------------------------------------------*/

typedef struct count {
    char text[32];
} count;

static count counted(double x) {
    count c;
    lm_text_count(c.text, sizeof c.text, x);
    return c;
}

/* A word of a command line; quoted only where a shell would see more than letters in it. */
static void put_word(lm_text *out, const char *word) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
    if (word[strspn(word, plain)])
        lm_text_json_string(out, word);
    else
        lm_text_printf(out, "%s", word);
}

static void put_head(const lm_starter_data *d, const char *path, const char *run_dir,
                     lm_text *out) {
    lm_text_printf(out,
                   "// A first run, by `lmtrain init`. Every key is explained by `lmtrain help"
                   " --man`; those that are\n// not here have defaults:"
                   " --print-config shows them. Paths are relative to where lmtrain runs.\n//\n"
                   "//   lmtrain --config ");
    put_word(out, path);
    lm_text_printf(out,
                   " --dry-run     the plan: parameters, memory, disk\n//   lmtrain --config ");
    put_word(out, path);
    lm_text_printf(out, "               trains; Ctrl-C saves and stops, --resume goes on\n");
    if (d->tokenizer) { /* else nobody can read a prompt */
        lm_text_printf(out, "//   lmtrain generate --checkpoint ");
        put_word(out, run_dir);
        lm_text_printf(out, " --prompt \"...\"\n");
    }
    lm_text_printf(out, "{\n  \"run\": { \"dir\": ");
    lm_text_json_string(out, run_dir);
    lm_text_printf(out, " },\n\n");
}

static void put_data(const lm_starter_data *d, lm_text *out) {
    lm_text_printf(out, "  // %s tokens to train on", counted((double)d->train_tokens).text);
    if (d->val) lm_text_printf(out, ", %s to validate with", counted((double)d->val_tokens).text);
    lm_text_printf(out, ".\n");
    if (!d->val)
        lm_text_printf(out, "  // No validation data was found: name it by \"val\" (`lmtrain"
                            " tokenize --val-fraction` holds some out).\n"
                            "  // Without it nobody notices when the model begins to learn its"
                            " data by heart.\n");
    lm_text_printf(out, "  \"data\": { \"train\": ");
    lm_text_json_string(out, d->train);
    if (d->val) {
        lm_text_printf(out, ", \"val\": ");
        lm_text_json_string(out, d->val);
    }
    lm_text_printf(out, " },\n\n");
}

static void put_model(const lm_starter *s, const lm_starter_data *d, lm_text *out) {
    lm_text_printf(out,
                   "  // About %s parameters, by the amount of data: larger models learn little"
                   " data by heart.\n",
                   counted((double)s->parameters).text);
    if (s->context_length < SHORT_WINDOW * 4)
        lm_text_printf(out, "  // The context is short because there are few tokens.\n");
    lm_text_printf(out,
                   "  \"model\": {\n    \"d_model\": %" PRId64 ", \"n_layers\": %" PRId64
                   ", \"n_heads\": %" PRId64 ",\n    \"context_length\": %" PRId64,
                   s->d_model, s->n_layers, s->n_heads, s->context_length);
    if (d->largest_id >= 0)
        lm_text_printf(out,
                       ", // tokens that a prediction may look back on\n"
                       "    // No manifest says which tokenizer made the ids. The largest is"
                       " %" PRId64 ": put the\n    // tokenizer's number of ids here, if it has"
                       " more.\n    \"vocab_size\": %" PRId64 "\n  },\n\n",
                       d->largest_id, d->vocab_size);
    else
        lm_text_printf(out, " // tokens that a prediction may look back on\n  },\n\n");
}

static void put_training(const lm_starter *s, const lm_starter_data *d, lm_text *out) {
    lm_text_printf(
        out,
        "  // An update sees batch windows of context_length tokens: %s; all updates\n"
        "  // together see %s, %.3g times the data. Worth their"
        " time are about %d tokens per parameter (Hoffmann\n  // et al. 2022) and %d times"
        " the data (Muennighoff et al. 2023), whichever is less%s.\n"
        "  // The memory decides how many windows are computed at once (micro_batch), which"
        " changes no result.\n  // Time too short: fewer steps.\n",
        counted((double)s->step_tokens).text, counted((double)s->total_tokens).text, s->epochs,
        TOKENS_PER_PARAMETER, MOST_EPOCHS,
        s->steps == LEAST_STEPS ? "; but fewer steps\n  // than these hardly teach a model"
                                  " anything"
                                : "");
    lm_text_printf(out, "  \"train\": { \"steps\": %" PRId64 ", \"batch\": %" PRId64 " },\n\n",
                   s->steps, s->batch);
    lm_text_printf(out,
                   "  // Muon needs fewer steps than AdamW for the same loss, of which each takes a"
                   " little longer (--dry-run\n  // says how much). The learning rate is the first"
                   " thing to vary: half and twice this. A loss that jumps\n  // up or a run that"
                   " diverges wants less; AdamW (\"name\": \"adamw\") wants a quarter or half.\n"
                   "  \"optimizer\": { \"name\": \"muon\", \"lr\": ");
    lm_text_json_number(out, s->lr);
    lm_text_printf(out, " },\n\n");
    if (d->val)
        lm_text_printf(out, "  \"eval\": { \"every\": %" PRId64 " },\n", lm_max(1, s->steps / 20));
    lm_text_printf(out, "  \"checkpoint\": { \"every\": %" PRId64 " }\n}\n",
                   lm_max(1, s->steps / 10));
}

void lm_starter_print(const lm_starter *s, const lm_starter_data *d, const char *path,
                      const char *run_dir, lm_text *out) {
    put_head(d, path, run_dir, out);
    put_data(d, out);
    put_model(s, d, out);
    put_training(s, d, out);
}
