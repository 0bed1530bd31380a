#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "machine/stop.h"

static const struct {
    const char *name;
    lm_status (*run)(lm_bench *b, lm_error *err);
} sections[LM_BENCH_SECTIONS] = {
    [LM_BENCH_MACHINE] = {"machine", lm_bench_machine},
    [LM_BENCH_KERNELS] = {"kernels", lm_bench_kernels},
    [LM_BENCH_GEMM] = {"gemm", lm_bench_gemm},
    [LM_BENCH_LAYERS] = {"layers", lm_bench_layers},
    [LM_BENCH_STEP] = {"step", lm_bench_step},
    [LM_BENCH_GENERATE] = {"generate", lm_bench_generate},
    [LM_BENCH_OPTIMIZERS] = {"optimizers", lm_bench_optimizers},
    [LM_BENCH_OPTIONS] = {"options", lm_bench_model_options},
    [LM_BENCH_REGIONS] = {"regions", lm_bench_regions},
};

const char *lm_bench_section_name(int section) {
    return section >= 0 && section < LM_BENCH_SECTIONS ? sections[section].name : NULL;
}

static lm_status announce(lm_bench *b, lm_error *err) {
    char cpu[256], isas[128], caches[64], blocks[64];
    const lm_gemm_blocks *most = &b->session.compute.blocks;
    lm_caches_describe(&b->caches, caches, sizeof caches);
    snprintf(blocks, sizeof blocks, "%" PRId64 " x %" PRId64, most->m, most->k);
    lm_cpu_model(cpu, sizeof cpu);
    lm_cpu_describe(b->o->isas, isas, sizeof isas);
    lm_json_object(&b->writer, NULL, LM_JSON_LINES);
    lm_json_string(&b->writer, "version", LM_VERSION);
    lm_json_string(&b->writer, "cpu", cpu);
    lm_json_string(&b->writer, "isas", isas);
    lm_json_integer(&b->writer, "threads", b->threads);
    lm_json_string(&b->writer, "caches", caches);
    lm_json_string(&b->writer, "blocks", blocks);
    if (b->o->record) {
        const lm_bench_maker maker = {.cpu = cpu, .isas = isas, .threads = b->threads};
        lm_status status = lm_bench_merge_open(&b->merge, b->o->record, &maker, err);
        if (status != LM_OK) return status;
        b->word = b->merge.word;
    }
    lm_text t = {0};
    lm_text_printf(&t, "lmtrain %s on %s, %d thread%s, %s, caches %s: blocks of %s\n", LM_VERSION,
                   cpu, b->threads, b->threads == 1 ? "" : "s", isas, caches, blocks);
    return lm_bench_print_table(b, &t, err);
}

/* What the host did in the whole run. */
static void put_host(lm_bench *b, const lm_bench_host *h, lm_text *t) {
    lm_json_object(&b->writer, "host", LM_JSON_LINE);
    lm_json_number(&b->writer, "stolen", h->stolen);
    lm_json_number(&b->writer, "switches_per_s", h->switched);
    lm_json_number(&b->writer, "word_seconds", b->word > 0 ? b->word : (double)NAN);
    lm_json_integer(&b->writer, "marked", b->marked);
    lm_json_end(&b->writer);
    lm_text_printf(t, "\nhost: %.1f%% of the time stolen, %.0f switches a second", 100 * h->stolen,
                   h->switched);
    if (b->word > 0) lm_text_printf(t, ", a word there and back in %.0f ns", b->word * 1e9);
    lm_text_printf(t, "; %d row%s marked\n", b->marked, b->marked == 1 ? "" : "s");
}

static lm_status print_host(lm_bench *b, lm_error *err) {
    lm_bench_host_look now = lm_bench_host_look_now();
    lm_bench_host h = lm_bench_host_between(&b->began, &now, b->threads);
    lm_text t = {0};
    put_host(b, &h, &t);
    return lm_bench_print_table(b, &t, err);
}

static lm_status print_json(lm_bench *b, lm_error *err) {
    const lm_bench_record *first;
    if (b->comparison.path)
        lm_json_integer(&b->writer, "not_measured",
                        lm_bench_comparison_left(&b->comparison, &first));
    lm_json_boolean(&b->writer, "interrupted", lm_bench_stopped());
    lm_json_end(&b->writer);
    lm_text_append(&b->json, "\n", 1);
    if (b->json.failed) return lm_error_no_memory(err, "the rows");
    return b->o->json ? b->o->print(&b->json, err) : LM_OK;
}

static lm_status record(lm_bench *b, lm_error *err) {
    const lm_bench_options *o = b->o;
    bool whole = !*o->match && o->preset < 0 && !o->config && o->n_overrides == 0;
    lm_text t = {0};
    lm_status status = lm_bench_merge_write(&b->merge, lm_text_cstr(&b->json), b->json.length,
                                            b->word, whole, &t, err);
    if (status == LM_OK) status = lm_bench_print_table(b, &t, err);
    lm_text_free(&t);
    return status;
}

/* After everything is measured: the comparison's result, whether --match found any row, and the
 * record. */
static lm_status conclude(lm_bench *b, lm_error *err) {
    lm_text t = {0};
    lm_status status = LM_OK;
    if (b->comparison.path) status = lm_bench_comparison_judge(&b->comparison, &t, err);
    if (status == LM_OK) status = lm_bench_print_table(b, &t, err);
    lm_text_free(&t);
    if (status != LM_OK) return status;
    if (*b->o->match && b->wanted == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "bench: --match: expected text in the name of a row, found \"%s\","
                            " which no measured row has",
                            b->o->match);
    return b->merge.path ? record(b, err) : LM_OK;
}

static lm_status run_sections(lm_bench *b, lm_error *err) {
    lm_status status = announce(b, err);
    for (int i = 0; i < LM_BENCH_SECTIONS && status == LM_OK && !lm_bench_stopped(); i++)
        if (b->o->sections >> i & 1u) status = sections[i].run(b, err);
    if (status != LM_OK) return status;
    if ((status = print_host(b, err)) != LM_OK) return status;
    if ((status = print_json(b, err)) != LM_OK) return status;
    if (lm_bench_stopped())
        return lm_error_set(err, LM_ERR_INTERRUPTED,
                            "stopped by signal %d: what was measured is above%s%s%s",
                            lm_stop_pending(), b->o->record ? "; " : "",
                            b->o->record ? b->o->record : "", b->o->record ? " is as it was" : "");
    return conclude(b, err);
}

lm_status lm_bench_run(const lm_bench_options *o, lm_error *err) {
    lm_bench b = {.o = o, .peaks = {.session = &b.session, .seconds = o->seconds}};
    lm_status status;
    b.writer.out = &b.json;
    b.samples = b.peaks.samples = malloc(LM_BENCH_MOST_SAMPLES * sizeof *b.samples);
    if (!b.samples) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    if (o->compare) {
        status = lm_bench_comparison_open(&b.comparison, o->compare, err);
        if (status != LM_OK) goto out;
        b.word = b.comparison.word; /* the CPUs may be far apart during all of this run */
    }
    if ((status = lm_session_open(&b.session, o->threads, o->isas, err)) != LM_OK) goto out;
    if ((status = lm_pool_create(&b.peaks.one, 1, err)) != LM_OK) goto out;
    b.threads = lm_pool_threads(b.session.compute.pool);
    b.caches = o->caches ? *o->caches : lm_caches_detect("");
    b.session.compute.blocks = lm_gemm_blocks_for(&b.caches, b.threads);
    lm_stop_arm(0, "stopping after the repetition at hand");
    b.began = lm_bench_host_look_now();
    status = run_sections(&b, err);
    lm_stop_restore();
out:
    lm_text_free(&b.json);
    lm_bench_comparison_free(&b.comparison);
    lm_bench_merge_free(&b.merge);
    lm_pool_free(b.peaks.one);
    lm_session_close(&b.session);
    free(b.samples);
    return status;
}
