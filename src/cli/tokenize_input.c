#include "cli/tokenize_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/source.h"

bool lm_tokenize_input_validates(const lm_tokenize_input *in) {
    return in->val_fraction > 0 || in->val_paths.count > 0;
}

/* Overwrites out with the separator, escapes resolved. */
static lm_status read_separator(const char *given, char out[LM_SEPARATOR_MOST], size_t *size,
                                lm_error *err) {
    static const char names[] = "nrt\\", values[] = "\n\r\t\\";
    *size = 0;
    if (!given) return LM_OK;
    for (const char *p = given; *p; p++) {
        const char *name = *p == '\\' && p[1] ? strchr(names, p[1]) : NULL;
        if (*p == '\\' && !name)
            return lm_error_set(err, LM_ERR_USAGE,
                                "tokenize: --separator: expected \\n, \\r, \\t or \\\\ at \"%s\"",
                                p);
        if (*size == LM_SEPARATOR_MOST)
            return lm_error_set(err, LM_ERR_USAGE,
                                "tokenize: --separator: expected at most %d bytes",
                                LM_SEPARATOR_MOST);
        out[(*size)++] = name ? values[name - names] : *p;
        if (name) p++;
    }
    if (*size == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --separator: expected a text, found none");
    return LM_OK;
}

static lm_status check(const lm_tokenize_input *in, lm_error *err) {
    if (in->val_fraction > 0 && in->val_paths.count > 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --val-fraction and --val-input exclude each other");
    if (in->separator && in->format == LM_DOCUMENTS_JSONL)
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --separator cuts text, which --format jsonl is not");
    if (in->field && in->format == LM_DOCUMENTS_TEXT)
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --field is of JSON lines, which --format text are not");
    return LM_OK;
}

lm_status lm_tokenize_input_open(lm_documents **d, const lm_tokenize_input *in, const char *output,
                                 lm_error *err) {
    char separator[LM_SEPARATOR_MOST];
    lm_documents_options how = {
        .inputs = in->paths.items,
        .n_inputs = in->paths.count,
        .val_inputs = in->val_paths.items,
        .n_val_inputs = in->val_paths.count,
        .extensions = in->extensions.items,
        .n_extensions = in->extensions.count,
        .format = (lm_documents_format)in->format,
        .field = in->field,
        .separator = separator,
        .val_fraction = in->val_fraction,
        .sample = in->sample < 1 ? in->sample : 0,
        .max_bytes = (uint64_t)in->max_bytes,
        .spool = output,
    };
    *d = NULL;
    lm_status status = check(in, err);
    if (status != LM_OK) return status;
    status = read_separator(in->separator, separator, &how.separator_size, err);
    if (status != LM_OK) return status;
    return lm_documents_open(d, &how, err);
}

static void describe_texts(const lm_option_texts *texts, lm_text *out) {
    for (int i = 0; i < texts->count; i++) {
        lm_text_json_string(out, texts->items[i]);
        lm_text_append(out, " ", 1);
    }
    lm_text_append(out, "\n", 1);
}

void lm_tokenize_input_describe(const lm_tokenize_input *in, lm_text *out) {
    describe_texts(&in->paths, out);
    describe_texts(&in->val_paths, out);
    describe_texts(&in->extensions, out);
    lm_text_json_string(out, in->field ? in->field : "");
    lm_text_json_string(out, in->separator ? in->separator : "");
    lm_text_printf(out, "%a %a %" PRId64 " %d\n", in->val_fraction, in->sample, in->max_bytes,
                   in->format);
}

static void put_share(const lm_tokenize_input *in, const lm_documents_counts *c, lm_text *out) {
    double all = (double)(c->bytes[false] + c->bytes[true]);
    double share = all > 0 ? (double)c->bytes[true] / all : 0;
    lm_text_say(out, "held out for validation: %.2f%% of the bytes", 100 * share);
    if (in->val_fraction > 0) lm_text_say(out, " (--val-fraction %g)", in->val_fraction);
    lm_text_say(out, "\n");
    if (in->val_fraction > 0 && (share < in->val_fraction / 2 || share > 2 * in->val_fraction))
        fprintf(stderr,
                "lmtrain: warning: %.2f%% of the bytes are held out for validation, not %.2f%%:"
                " documents differ in size; --val-input names validation files outright\n",
                100 * share, 100 * in->val_fraction);
}

void lm_tokenize_input_report(const lm_tokenize_input *in, const lm_documents *d, lm_text *out) {
    lm_documents_counts counts;
    lm_documents_count(d, &counts);
    if (lm_tokenize_input_validates(in)) put_share(in, &counts, out);
    lm_documents_report(d, out);
}
