#include "bench/bench.h"

#include "cli/commands.h"

typedef struct request {
    unsigned only;
    const char *match, *config, *compare, *record, *caches;
    int preset;
    lm_option_texts set;
    double seconds;
    bool json;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"only", "SECTION", "what to measure", LM_STORED(request, only),
     .choice = {.name = lm_bench_section_name, .set_by_default = LM_BENCH_USUAL}},
    {"match", "TEXT", "only rows whose name contains TEXT; the section step ignores it",
     LM_STORED(request, match)},
    {"config", "FILE", "the run whose steps are measured, on its data; nothing is written",
     LM_STORED(request, config)},
    {"preset", "NAME", "measure steps of this built-in run only, instead of all",
     LM_STORED(request, preset), .choice = {.name = lm_bench_preset_name, .by_default = -1}},
    {"set", "KEY.PATH=VALUE", "override a key of the config or of the presets",
     LM_STORED(request, set), .overrides = true},
    {"seconds", "S", "about how long to repeat each row; training steps ten times as long",
     LM_STORED(request, seconds), .real = {.by_default = 0.2, .least = 1e-6, .most = 3600}},
    {"json", NULL, "one JSON object at the end instead of tables", LM_STORED(request, json)},
    {"compare", "FILE",
     "fail if a row is 15% slower than in FILE (saved --json output) in three measurements on a"
     " quiet machine; if the machine was slower or busy meanwhile, report noise",
     LM_STORED(request, compare)},
    {"record", "FILE",
     "put the rows into FILE, as --json prints them, beside rows that other runs have put there; of"
     " two of the same name the one that the host disturbed less stays, then the faster",
     LM_STORED(request, record)},
    {"caches", "L1D,L2,L3",
     "choose the blocks of matrix products for caches of these sizes (such as 32K,512K,16M)",
     LM_STORED(request, caches)},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_bench_options b = {.sections = r->only,
                          .threads = (int)r->machine.threads,
                          .seconds = r->seconds,
                          .match = r->match ? r->match : "",
                          .config = r->config,
                          .preset = r->preset,
                          .overrides = r->set.items,
                          .n_overrides = r->set.count,
                          .json = r->json,
                          .compare = r->compare,
                          .record = r->record,
                          .print = lm_print};
    if (r->config && r->preset >= 0)
        return lm_error_set(err, LM_ERR_USAGE, "bench: --config or --preset, not both");
    if (r->compare && r->record)
        return lm_error_set(err, LM_ERR_USAGE, "bench: --compare or --record, not both");
    lm_caches caches;
    lm_status status = r->caches ? lm_caches_parse(r->caches, &caches, err) : LM_OK;
    if (status != LM_OK) return status;
    if (r->caches) b.caches = &caches;
    status = lm_machine_isas(&r->machine, &b.isas, err);
    if (status != LM_OK) return status;
    return lm_bench_run(&b, err);
}

const lm_command lm_command_bench = {
    .name = "bench",
    .summary = "speed on this machine: peaks, kernels, matrix shapes, layers, steps, generation",
    .usage = "[--only SECTION]... [--config FILE | --preset NAME] [OPTIONS]",
    .example = "  lmtrain bench --only machine --only step --preset 128\n"
               "  lmtrain bench --only step --config configs/quickstart.json\n"
               "  lmtrain bench --only options --preset 128 --match dropout\n"
               "  lmtrain bench --only regions --preset 384 --match \" 32 cores\"\n"
               "  lmtrain bench --json >before.json; lmtrain bench --compare before.json\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
