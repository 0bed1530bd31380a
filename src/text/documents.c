#include "text/documents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/numbers.h"
#include "text/cut.h"
#include "text/passed_over.h"
#include "text/source.h"
#include "text/walk.h"

enum { HEAD = 4096, BLOCK = 1 << 16 }; /* bytes: of a document's hash; read at once */

struct lm_documents {
    lm_documents_options how;
    char separator[LM_SEPARATOR_MOST];
    lm_walk walk;
    lm_passed_over passed;
    lm_documents_counts counts;
    lm_spool spool;
    lm_error *err; /* of the call at hand */

    size_t file; /* of walk: the next to open, or behind the one that is open */
    bool file_open;
    lm_source source; /* of the file that is open */

    bool open, rest;    /* a document is; it is the end of another */
    bool validation;    /* it is held out */
    bool whole;         /* its text is all in the block */
    lm_cut end, budget; /* where its end is held out; where max_bytes are over */
    size_t at, size;    /* [at, size) of the block is not passed on yet */
    char block[BLOCK];
    uint64_t sizes[LM_DOCUMENTS_FEW]; /* with counts.ends: of all documents */
    uint64_t met;                     /* documents so far */
    bool trying;                      /* in a pass that only counts */
};

const char *lm_documents_format_name(int i) {
    static const char *const names[] = {"auto", "text", "jsonl"};
    return i >= 0 && i < (int)(sizeof names / sizeof *names) ? names[i] : NULL;
}

/* ---- files ------------------------------------------------------------------------------------*/

static bool ends_with(const char *path, size_t n, const char *what) {
    size_t m = strlen(what);
    return n >= m && strncmp(path + n - m, what, m) == 0;
}

static bool is_jsonl(const lm_documents *d, const char *path) {
    size_t n = strlen(path);
    if (d->how.format != LM_DOCUMENTS_AUTO) return d->how.format == LM_DOCUMENTS_JSONL;
    if (ends_with(path, n, ".gz"))
        n -= 3;
    else if (ends_with(path, n, ".zst"))
        n -= 4;
    return ends_with(path, n, ".jsonl") || ends_with(path, n, ".ndjson");
}

static lm_status open_source(lm_documents *d, const lm_walk_file *file) {
    lm_source_how how = {.jsonl = is_jsonl(d, file->path),
                         .field = d->how.field,
                         .separator = d->how.separator,
                         .separator_size = d->how.separator_size};
    lm_spool *spool = d->spool.fd >= 0 ? &d->spool : NULL;
    return lm_source_open(&d->source, file->path, &how, spool, d->err);
}

static lm_status refuse(lm_documents *d, const lm_walk_file *file, lm_content content) {
    const char *advice = lm_content_advice(content);
    return lm_error_set(d->err, LM_ERR_USAGE, "%s: expected text, found what is %s%s%s",
                        lm_stream_name(file->path), lm_content_name(content), advice[0] ? "; " : "",
                        advice);
}

/* The next file that is text, unless there is none. */
static lm_status open_file(lm_documents *d) {
    while (!d->file_open && d->file < d->walk.count) {
        const lm_walk_file *file = &d->walk.files[d->file++];
        lm_status status = open_source(d, file);
        if (status != LM_OK) return status;
        lm_content content = d->source.content;
        if (content == LM_CONTENT_TEXT) {
            d->file_open = true;
            d->counts.files++;
        } else if (file->named && content != LM_CONTENT_EMPTY) {
            return refuse(d, file, content);
        } else {
            lm_passed_over_file(&d->passed, content, lm_stream_name(file->path));
            d->counts.taken += file->size;
        }
    }
    return LM_OK;
}

static void close_file(lm_documents *d) {
    const lm_walk_file *file = &d->walk.files[d->file - 1];
    d->passed.null += d->source.null;
    if (d->source.zeros > 0 && d->passed.files_with_zeros++ == 0)
        d->passed.with_zeros = lm_stream_name(file->path);
    d->counts.taken += file->size;
    lm_source_close(&d->source);
    d->file_open = false;
}

/* What is named and no text is refused before anything is done. Standard input is read once: it is
 * looked at when it is its turn. */
static lm_status check_named(lm_documents *d) {
    for (size_t i = 0; i < d->walk.count; i++) {
        const lm_walk_file *file = &d->walk.files[i];
        if (!file->named || strcmp(file->path, LM_STREAM_STANDARD_INPUT) == 0) continue;
        lm_status status = open_source(d, file);
        lm_content content = d->source.content;
        lm_source_close(&d->source);
        if (status != LM_OK) return status;
        if (content != LM_CONTENT_TEXT && content != LM_CONTENT_EMPTY)
            return refuse(d, file, content);
    }
    return LM_OK;
}

/* ---- drawing documents ------------------------------------------------------------------------*/

/* Is a hash below a fraction of all? */
static bool is_below(uint64_t hash, double fraction) {
    return (double)(hash >> 11) < fraction * 0x1p53;
}

static bool is_blank(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!text[i] || !strchr(" \t\r\n\v\f", text[i])) return false;
    return true;
}

static lm_status changed(lm_documents *d) {
    return lm_error_set(d->err, LM_ERR_RUNTIME,
                        "%s: the input has more documents than when they were counted: it changed",
                        lm_stream_name(d->walk.files[d->file - 1].path));
}

/* Where the end of the document at hand is held out. */
static lm_status hold_out_end(lm_documents *d) {
    if (d->met > LM_DOCUMENTS_FEW) return changed(d);
    uint64_t size = d->sizes[d->met - 1], tail = (uint64_t)(d->how.val_fraction * (double)size);
    tail = lm_u64_min(tail, size > 0 ? size - 1 : 0);
    if (tail > 0) d->end = lm_cut_between(size - tail, size - tail / 2);
    return LM_OK;
}

/* The document at hand, whose head is in the block: is it taken, and what for? */
static lm_status judge(lm_documents *d, bool *taken) {
    uint64_t hash = lm_digest_of(d->block, lm_size_min(d->size, HEAD));
    *taken = !(d->whole && is_blank(d->block, d->size));
    if (!*taken) {
        d->passed.blank++;
        return LM_OK;
    }
    bool draws = d->how.sample > 0 && !d->walk.files[d->file - 1].validation;
    *taken = !draws || is_below(lm_digest_of(&hash, sizeof hash), d->how.sample);
    if (!*taken) {
        d->passed.sampled++;
        return LM_OK;
    }
    d->met++;
    const uint64_t chain[] = {d->counts.text, hash};
    d->counts.text = lm_digest_of(chain, sizeof chain);
    d->end = lm_cut_between(LM_CUT_NEVER, LM_CUT_NEVER);
    d->validation = d->walk.files[d->file - 1].validation;
    if (d->trying || d->how.val_fraction <= 0) return LM_OK;
    if (d->counts.ends) return hold_out_end(d);
    d->validation = is_below(hash, d->how.val_fraction);
    return LM_OK;
}

/* ---- one document after another ---------------------------------------------------------------*/

/* More of the document behind what is in the block, until the block is full or d->whole. */
static lm_status fill(lm_documents *d, size_t most) {
    while (!d->whole && d->size < most) {
        size_t got;
        lm_status status =
            lm_source_read(&d->source, d->block + d->size, most - d->size, &got, d->err);
        if (status != LM_OK) return status;
        d->size += got;
        d->whole = got == 0;
    }
    return LM_OK;
}

/* Goes to the next document that is taken; d->open: there is one. */
static lm_status go_on(lm_documents *d) {
    d->rest = false;
    while (!d->open && !d->passed.cut_off) {
        bool more;
        lm_status status = open_file(d);
        if (status != LM_OK || !d->file_open) return status;
        if ((status = lm_source_next(&d->source, &more, d->err)) != LM_OK) return status;
        if (!more) {
            close_file(d);
            continue;
        }
        d->at = d->size = 0;
        d->whole = false;
        if ((status = fill(d, HEAD)) != LM_OK) return status;
        if ((status = judge(d, &d->open)) != LM_OK) return status;
        if (d->open && d->budget.at >= d->budget.from) {
            d->passed.cut_off = true;
            d->open = false;
        }
    }
    return LM_OK;
}

/* Reads on to the end of the document at hand; its bytes count where `size` is not NULL. */
static lm_status read_through(lm_documents *d, uint64_t *size) {
    char passed[8192];
    size_t got;
    do {
        lm_status status = lm_documents_read(d, passed, sizeof passed, &got, d->err);
        if (status != LM_OK) return status;
        if (size) *size += got;
    } while (got > 0);
    return LM_OK;
}

static lm_status nothing(const lm_documents *d) {
    lm_text t = {0};
    lm_passed_over_report(&d->passed, &d->walk, d->how.field, &t);
    while (t.length > 0 && t.data[t.length - 1] == '\n') t.data[--t.length] = '\0';
    lm_error_set(d->err, LM_ERR_USAGE, "%s: expected text, found none%s%-s%-s",
                 d->how.n_inputs > 0 ? lm_stream_name(d->how.inputs[0]) : "--input",
                 d->walk.other ? ": no file has an extension that was asked for" : "",
                 t.length ? "\n" : "", lm_text_cstr(&t));
    lm_text_free(&t);
    return LM_ERR_USAGE;
}

/* All is read: was there text for training, and for validation where it was asked for? */
static lm_status check_both(const lm_documents *d) {
    const lm_documents_counts *c = &d->counts;
    if (c->bytes[false] + c->bytes[true] == 0 && c->documents[false] + c->documents[true] == 0)
        return nothing(d);
    if (c->documents[false] == 0)
        return lm_error_set(d->err, LM_ERR_USAGE,
                            "expected text to train on, found none: all %" PRIu64
                            " documents are held out",
                            c->documents[true]);
    if (d->how.n_val_inputs > 0 && c->documents[true] == 0)
        return lm_error_set(d->err, LM_ERR_USAGE, "%s: expected text for validation, found none",
                            d->how.val_inputs[0]);
    if (d->how.val_fraction > 0 && c->bytes[true] + c->documents[true] == 0)
        return lm_error_set(d->err, LM_ERR_USAGE,
                            "expected text for validation, found none: --val-fraction %g is too"
                            " little of %" PRIu64 " documents (or name files with --val-input)",
                            d->how.val_fraction, c->documents[false]);
    return LM_OK;
}

bool lm_documents_goes_on(const lm_documents *d) {
    return d->open && !d->rest && !d->trying && d->how.val_fraction > 0 && d->counts.ends &&
           d->end.made && !d->passed.cut_off;
}

lm_status lm_documents_next(lm_documents *d, lm_document *doc, bool *more, lm_error *err) {
    d->err = err;
    *more = false;
    if (d->open && !d->rest && d->how.val_fraction > 0 && d->counts.ends && !d->trying) {
        /* It is known only then whether there is an end to hold out. */
        lm_status status = read_through(d, NULL);
        if (status != LM_OK) return status;
        d->rest = lm_documents_goes_on(d);
    } else {
        d->rest = false;
    }
    if (d->rest) {
        d->validation = true;
    } else {
        d->open = false;
        lm_status status = go_on(d);
        if (status != LM_OK) return status;
        if (!d->open) return d->trying ? LM_OK : check_both(d);
        d->counts.documents[d->validation]++;
    }
    *more = true;
    *doc = (lm_document){.source = lm_stream_name(d->walk.files[d->file - 1].path),
                         .line = d->source.line,
                         .validation = d->validation,
                         .rest = d->rest};
    return LM_OK;
}

lm_status lm_documents_read(lm_documents *d, char *data, size_t size, size_t *got, lm_error *err) {
    d->err = err;
    *got = 0;
    if (!d->open || size == 0 || d->passed.cut_off) return LM_OK;
    if (d->end.made && !d->rest) return LM_OK;
    if (d->at == d->size) {
        d->at = d->size = 0;
        lm_status status = fill(d, BLOCK);
        if (status != LM_OK) return status;
    }
    const char *from = d->block + d->at;
    size_t n = lm_size_min(size, d->size - d->at);
    if (!d->rest) n = lm_cut_before(&d->end, from, n);
    n = lm_cut_before(&d->budget, from, n);
    d->passed.cut_off = d->budget.made;
    if (n > 0) memcpy(data, from, n);
    d->at += n;
    d->counts.bytes[d->validation] += n;
    *got = n;
    return LM_OK;
}

/* ---- opening ----------------------------------------------------------------------------------*/

static lm_status find(lm_documents *d) {
    const lm_documents_options *o = &d->how;
    lm_status status = LM_OK;
    for (int part = 0; part < 2; part++) {
        const char *const *paths = part ? o->val_inputs : o->inputs;
        int n = part ? o->n_val_inputs : o->n_inputs;
        lm_walk_how how = {o->extensions, o->n_extensions, part == 1};
        for (int i = 0; i < n && status == LM_OK; i++)
            status = lm_walk_add(&d->walk, paths[i], &how, d->err);
    }
    if (status == LM_OK) status = lm_walk_finish(&d->walk, d->err);
    if (status == LM_OK && o->max_bytes > 0) lm_walk_shuffle(&d->walk);
    if (status == LM_OK && d->walk.count == 0) status = nothing(d);
    return status;
}

/* Back to the beginning, as if nothing had been read. */
static void begin(lm_documents *d) {
    uint64_t total = 0, least = 0;
    bool known = true;
    if (d->file_open) close_file(d);
    d->file = 0;
    d->met = 0;
    d->open = d->rest = false;
    d->passed = (lm_passed_over){0};
    d->counts = (lm_documents_counts){.ends = d->counts.ends};
    for (size_t i = 0; i < d->walk.count; i++) {
        total += d->walk.files[i].size;
        least += d->walk.files[i].named ? d->walk.files[i].size : 0;
        known = known && d->walk.files[i].inode != 0;
    }
    d->counts.total = known ? total : 0;
    uint64_t most = d->how.max_bytes;
    d->counts.least = most > 0 ? lm_u64_min(least, most) : least;
    /* A character has four bytes at most. */
    uint64_t budget = most > 0 ? most - lm_u64_min(most, 3) : LM_CUT_NEVER;
    d->budget = lm_cut_between(budget, budget);
}

/* Counts documents up to LM_DOCUMENTS_FEW; `through`: reads them, for their sizes. */
static lm_status try(lm_documents *d, bool through) {
    lm_document doc;
    bool more = true;
    begin(d);
    d->trying = true;
    memset(d->sizes, 0, sizeof d->sizes);
    while (more && d->met < LM_DOCUMENTS_FEW) {
        lm_status status = lm_documents_next(d, &doc, &more, d->err);
        if (status != LM_OK) return status;
        if (!more || !through) continue;
        status = read_through(d, &d->sizes[d->met - 1]);
        if (status != LM_OK) return status;
    }
    d->trying = false;
    d->counts.ends = d->met < LM_DOCUMENTS_FEW;
    return LM_OK;
}

/* Are there so few documents that their ends are held out? */
static lm_status find_rule(lm_documents *d) {
    bool through = d->how.max_bytes > 0;
    for (size_t i = 0; i < d->walk.count; i++) {
        if (strcmp(d->walk.files[i].path, LM_STREAM_STANDARD_INPUT) != 0) continue;
        lm_status status = lm_spool_open(&d->spool, d->how.spool ? d->how.spool : ".", d->err);
        if (status != LM_OK) return status;
    }
    lm_status status = try(d, through);
    if (status == LM_OK && d->counts.ends && !through) status = try(d, true);
    d->spool.keep = false;
    return status;
}

lm_status lm_documents_open(lm_documents **out, const lm_documents_options *how, lm_error *err) {
    LM_ASSERT(how->val_fraction >= 0 && how->val_fraction < 1);
    LM_ASSERT(how->val_fraction == 0 || how->n_val_inputs == 0);
    LM_ASSERT(how->separator_size <= LM_SEPARATOR_MOST);
    lm_documents *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) return lm_error_no_memory(err, "the reader of documents");
    d->how = *how;
    if (how->separator_size > 0) memcpy(d->separator, how->separator, how->separator_size);
    d->how.separator = d->separator;
    if (!d->how.field) d->how.field = "text";
    d->err = err;
    d->spool.fd = -1;
    lm_status status = find(d);
    if (status == LM_OK) status = check_named(d);
    if (status == LM_OK && how->val_fraction > 0) status = find_rule(d);
    if (status != LM_OK) {
        lm_documents_close(d);
        return status;
    }
    begin(d);
    *out = d;
    return LM_OK;
}

lm_status lm_documents_skip(lm_documents *d, int64_t n, lm_error *err) {
    lm_document doc;
    bool more = true;
    for (int64_t i = 0; i < n && more; i++) {
        lm_status status = lm_documents_next(d, &doc, &more, err);
        if (status == LM_OK && more) status = read_through(d, NULL);
        if (status != LM_OK) return status;
    }
    if (more) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "expected %" PRId64 " documents, found fewer", n);
}

void lm_documents_count(const lm_documents *d, lm_documents_counts *counts) {
    *counts = d->counts;
    if (d->how.max_bytes > 0) {
        counts->taken = d->counts.bytes[false] + d->counts.bytes[true];
        counts->total = d->how.max_bytes;
    } else if (d->file_open) {
        counts->taken += lm_stream_taken(d->source.stream);
    }
}

void lm_documents_report(const lm_documents *d, lm_text *out) {
    lm_passed_over_report(&d->passed, &d->walk, d->how.field, out);
}

void lm_documents_close(lm_documents *d) {
    if (!d) return;
    lm_source_free(&d->source);
    lm_spool_close(&d->spool);
    lm_walk_free(&d->walk);
    free(d);
}
