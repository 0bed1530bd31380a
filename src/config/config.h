/* The run config: JSON text to each room's own options, by one table of keys.
 *
 *     lm_config c;
 *     lm_config_load(&c, "run.json", overrides, n_overrides, err); // defaults, file, --set; checks
 *     lm_config_print(&c, &text);                                  // every key, resolved
 *     lm_config_free(&c);
 *
 * One row per key (config/keys/): path, type, default, range, choices, help, where it is stored.
 * Parsing, defaults, validation, --set, --print-config, the reference in configs/README.md and the
 * JSON Schema derive from it; the names of choices come from the rooms' registries. Comments (//
 * and slash-star) are allowed. Errors carry file:line:column; all problems of a file are reported
 * at once. */
#ifndef LM_CONFIG_CONFIG_H
#define LM_CONFIG_CONFIG_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/options.h"
#include "config/groups.h"
#include "config/run.h"
#include "data/options.h"
#include "dist/options.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "report/options.h"

typedef struct lm_config {
    lm_run_options run;
    int preset; /* model.preset (lm_preset_name); parsing has applied it to `model` */
    lm_model_options model;
    bool document_token_given; /* model.document_token; else whoever opens the data sees to it */
    bool *given;               /* [lm_key_count()] by the file, an override or the preset */
    lm_data_options data;
    lm_text notes;      /* what the file gives and overrides made moot, a line each; may be empty */
    bool offsets_given; /* data.offsets; else a run that is resumed has those that it had */
    lm_train_options train;
    lm_optimizer_options optimizer;
    lm_group_list groups; /* of parameters, with values of their own */
    lm_schedule_options schedule;
    lm_eval_options eval;
    lm_checkpoint_options checkpoint;
    lm_log_options log;
    lm_dist_options dist;
} lm_config;

/* Overwrites *c: every key at its default, then what the file at `path` gives, then the overrides
 * ("key.path=value", the value as JSON or as a bare string; "section={...}", which gives these keys
 * and leaves the others; "-key.path" or "-section": as if the file did not give it;
 * "=key.path=value": of the command itself, in place of what the user gives); then validates the
 * whole: required keys, ranges, values that contradict each other. A key of the file that has no
 * effect because an override gives a key that decides so is left out, with a line in c->notes; two
 * overrides that contradict each other are an error, two values of one key too. A key after its
 * section, or a part after its whole, changes what these gave. Paths inside the file stay as
 * written. model.vocab_size may still be 0 (taken from the data): whoever opens the data resolves
 * the model (lm_model_resolve). LM_ERR_USAGE with all problems, a line each. lm_config_free frees
 * what *c owns, after an error too. */
lm_status lm_config_load(lm_config *c, const char *path, const char *const *overrides,
                         int n_overrides, lm_error *err);
/* The same, where train.budget came to so many steps (at least 1): the config of the run. Without
 * it, train.steps_open says that the steps are not known yet, and keys that depend on them are not
 * checked against them. */
lm_status lm_config_load_within_budget(lm_config *c, const char *path, const char *const *overrides,
                                       int n_overrides, int64_t steps, lm_error *err);
/* lm_config_load from text already in memory; `name` stands for the path in messages. */
lm_status lm_config_parse(lm_config *c, const char *name, const char *text, size_t size,
                          const char *const *overrides, int n_overrides, lm_error *err);
/* Is there such a key, and is the value one that it takes? Reads one override as lm_config_load
 * does, whatever the rest of the config says; `place` stands for it in messages. LM_ERR_USAGE: what
 * is wrong with it, a line each. */
lm_status lm_config_check_override(const char *override, const char *place, lm_error *err);
/* The config in a checkpoint (lm_config_print_result): a key that it lacks takes its legacy value
 * (keys.h), required or not, and paths stay as they are. Keys and values that are not known are
 * those of a newer lmtrain: an error that says so, or, when `newer` is not NULL, a line each
 * appended to it, and the rest is filled in without further checks: for looking at it only. */
lm_status lm_config_parse_saved(lm_config *c, const char *name, const char *text, size_t size,
                                lm_text *newer, lm_error *err);
void lm_config_free(lm_config *c); /* zero-initialised or twice is fine */

/* May a run with the config `now` go on where one with `saved` stopped? Keys that alter the result,
 * differ and may are appended to *changed, a line each with both values; LM_ERR_USAGE names those
 * that may not. */
lm_status lm_config_compare(const lm_config *saved, const lm_config *now, lm_text *changed,
                            lm_error *err);

/* Appends the keys that alter the result of a run and differ, a line each with both values. Paths
 * of data do not count: their digests tell. */
void lm_config_result_differences(const lm_config *before, const lm_config *now, lm_text *out);

/* Whose model it is that a config takes over. */
typedef enum lm_config_origin {
    LM_CONFIG_ITSELF,  /* of this run, which goes on: what the config gives is what it is */
    LM_CONFIG_TRAINED, /* weights that lmtrain trained */
    LM_CONFIG_IMPORTED /* weights of another program, as they came in */
} lm_config_origin;

/* What a config leaves out of its model it takes from that of `from`, whose weights it begins
 * with (run.init_from). Keys that it gives and that differ: those that may, such as
 * model.context_length, go to *differing, a line each with both values, there -> here; of the
 * others LM_ERR_USAGE names all, and nothing is taken. In an imported model, a context may only be
 * shorter, and window and rope_* may not differ. */
lm_status lm_config_inherit(lm_config *c, const lm_config *from, lm_config_origin origin,
                            lm_text *differing, lm_error *err);

/* Does a run of this config keep an average of its weights? */
bool lm_config_averages(const lm_config *c);

/* The fully resolved config as JSON text that lm_config_parse reads back to the same config. */
void lm_config_print(const lm_config *c, lm_text *out);
/* The same without the keys that never change a bit of the result: where the run lies, how many
 * threads it has, what it logs and saves. So equal runs print equal texts. */
void lm_config_print_result(const lm_config *c, lm_text *out);
/* A JSON Schema (draft 2020-12) for editors. */
void lm_config_print_schema(lm_text *out);
/* The Markdown tables of configs/README.md, one per section. */
void lm_config_print_reference(lm_text *out);

#endif
