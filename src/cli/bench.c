#include "bench/bench.h"

#include <string.h>

#include "cli/commands.h"

static const lm_option options[] = {
    {"only", "SECTION", "machine, kernels, gemm, layers, step or options; may be repeated", true},
    {"match", "TEXT", "only rows whose name contains TEXT (of steps: all)", false},
    {"config", "FILE", "the run whose steps are measured, on its data; nothing is written", false},
    {"preset", "NAME", "instead, one of the built-in runs: 124m, 384, 128; else all of them",
     false},
    {"set", "KEY.PATH=VALUE", "override a key of the config or the presets; may be repeated", true},
    {"seconds", "S", "about how long a row is repeated; steps ten times as long (0.2)", false},
    {"json", NULL, "one JSON object at the end instead of tables", false},
    {"compare", "FILE",
     "fail when a row is 15% lower than in FILE, which --json printed, each time\n"
     "                             of 3 in quiet; lower only beside a peak that is lower too: "
     "noise",
     false},
    LM_MACHINE_OPTIONS,
    {0},
};

typedef const char *name_of(int i);

static const char *candidate(int i, const void *names) {
    name_of *const *name = names;
    return (*name)(i);
}

/* The index of a name, or an error with a suggestion. */
static lm_status find(const char *option, const char *text, name_of *names, int *index,
                      lm_error *err) {
    for (*index = 0; names(*index); ++*index)
        if (strcmp(names(*index), text) == 0) return LM_OK;
    lm_text all = {0};
    for (int i = 0; names(i); i++) lm_text_printf(&all, "%s%s", i ? ", " : "", names(i));
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, lm_text_nearest(text, candidate, &names));
    lm_error_set(err, LM_ERR_USAGE, "lmtrain bench: --%s: expected one of %s, found \"%s\"%s",
                 option, lm_text_cstr(&all), text, near);
    lm_text_free(&all);
    return LM_ERR_USAGE;
}

static lm_status take_sections(const lm_options *o, unsigned *sections, lm_error *err) {
    const char *only[LM_OPTIONS_MAX];
    int n = lm_options_values(o, "only", only), section;
    *sections = n > 0 ? 0 : LM_BENCH_USUAL;
    for (int i = 0; i < n; i++) {
        if (find("only", only[i], lm_bench_section_name, &section, err) != LM_OK) return err->code;
        *sections |= 1u << section;
    }
    return LM_OK;
}

static lm_status run(const lm_options *o, lm_error *err) {
    const char *overrides[LM_OPTIONS_MAX], *match = lm_options_value(o, "match");
    int preset;
    lm_bench_options b = {.match = match ? match : "",
                          .config = lm_options_value(o, "config"),
                          .preset = lm_options_value(o, "preset"),
                          .overrides = overrides,
                          .n_overrides = lm_options_values(o, "set", overrides),
                          .json = lm_options_has(o, "json"),
                          .compare = lm_options_value(o, "compare"),
                          .print = lm_print};
    lm_status status = take_sections(o, &b.sections, err);
    if (status != LM_OK) return status;
    if (b.config && b.preset)
        return lm_error_set(err, LM_ERR_USAGE, "lmtrain bench: --config or --preset, not both");
    if (b.preset &&
        (status = find("preset", b.preset, lm_bench_preset_name, &preset, err)) != LM_OK)
        return status;
    if ((status = lm_options_real(o, "seconds", 1e-6, 3600, 0.2, &b.seconds, err)) != LM_OK)
        return status;
    if ((status = lm_machine_options(o, &b.threads, &b.isas, err)) != LM_OK) return status;
    return lm_bench_run(&b, err);
}

const lm_command lm_command_bench = {
    .name = "bench",
    .summary = "speed here: the machine's peaks, kernels, matrix shapes, layers, steps, options",
    .usage = "[--only SECTION]... [--config FILE | --preset NAME] [OPTIONS]",
    .example = "  lmtrain bench --only machine --only step --preset 128\n"
               "  lmtrain bench --only step --config configs/quickstart.json\n"
               "  lmtrain bench --only options --preset 128 --match dropout\n"
               "  lmtrain bench --json >before.json; lmtrain bench --compare before.json\n",
    .options = options,
    .run = run,
};
