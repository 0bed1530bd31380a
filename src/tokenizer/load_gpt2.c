/* GPT-2's vocab.json and merges.txt, also called encoder.json and vocab.bpe: either is given, the
 * other lies beside it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "containers/json_pull.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/load.h"

#define MOST_BYTES ((size_t)1 << 28)

static bool is_json(const lm_tokenizer_file *f) {
    size_t i = 0;
    while (i < f->size && strchr(" \t\r\n", f->text[i])) i++;
    return i < f->size && f->text[i] == '{';
}

static bool is_line(const char *text, size_t size) {
    const char *space = memchr(text, ' ', size);
    return space && space > text &&
           memchr(space + 1, ' ', size - (size_t)(space - text) - 1) == NULL;
}

/* Does a JSON object begin with a number's member? */
static bool holds_numbers(const lm_tokenizer_file *f) {
    lm_json_pull p;
    lm_error aside;
    lm_json_pull_begin(&p, f->path, f->text, f->size, &aside);
    lm_json_pull_object(&p);
    bool yes = lm_json_pull_member(&p) && lm_json_pull_peek(&p) == LM_JSON_NUMBER;
    lm_json_pull_end(&p);
    return yes;
}

/* An object of numbers, or lines of two words of which the second is no number (as in rank files).
 * */
static bool probe(const lm_tokenizer_file *f) {
    static const char version[] = "#version";
    if (is_json(f)) return holds_numbers(f);
    if (strncmp(f->text, version, sizeof version - 1) == 0) return true;
    const char *end = memchr(f->text, '\n', f->size);
    size_t n = end ? (size_t)(end - f->text) : f->size;
    return is_line(f->text, n) && (f->text[n - 1] < '0' || f->text[n - 1] > '9');
}

/* ---- reading ----------------------------------------------------------------------------------*/

static lm_status read_vocab(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    static const char *const special[] = {"<|endoftext|>"};
    lm_json_pull p;
    lm_error aside;
    lm_text name = {0}, bytes = {0};
    lm_status status = LM_OK;
    lm_json_pull_begin(&p, f->path, f->text, f->size, err);
    lm_json_pull_object(&p);
    while (lm_json_pull_member(&p)) {
        name.length = bytes.length = 0;
        lm_text_append(&name, lm_text_cstr(&p.string), p.string.length);
        int64_t id = lm_json_pull_count(&p, lm_tokenizer_file_most_ids(f) - 1);
        if (p.status != LM_OK) break;
        if (!lm_alphabet_parse(lm_text_cstr(&name), name.length, &bytes))
            lm_json_pull_wrong(&p,
                               "token \"%.40s\": expected GPT-2's printable alphabet, found"
                               " another character",
                               lm_text_cstr(&name));
        else if (lm_vocabulary_put(v, id, lm_text_cstr(&bytes), bytes.length, &aside) != LM_OK)
            lm_json_pull_wrong(&p, "%s", aside.message);
        for (size_t i = 0; i < sizeof special / sizeof *special; i++)
            if (p.status == LM_OK && strcmp(lm_text_cstr(&name), special[i]) == 0 &&
                lm_vocabulary_add(v, (lm_added_token){.id = (int32_t)id, .special = true},
                                  special[i], strlen(special[i]), &aside) != LM_OK)
                lm_json_pull_wrong(&p, "%s", aside.message);
    }
    status = lm_json_pull_end(&p);
    lm_text_free(&name);
    lm_text_free(&bytes);
    return status;
}

/* One line of merges: "a b", in the alphabet. */
static lm_status read_merge(lm_vocabulary *v, const lm_tokenizer_file *f, int64_t number,
                            const char *line, size_t size, lm_text *left, lm_text *right,
                            lm_error *err) {
    const char *space = memchr(line, ' ', size);
    left->length = right->length = 0;
    if (!space || !lm_alphabet_parse(line, (size_t)(space - line), left) ||
        !lm_alphabet_parse(space + 1, size - (size_t)(space - line) - 1, right) ||
        left->length == 0 || right->length == 0)
        return lm_error_damaged(err,
                                "%s:%" PRId64 ": expected two tokens in GPT-2's printable alphabet"
                                " with one space between, found \"%.*s\"",
                                f->path, number, (int)(size < 60 ? size : 60), line);
    return lm_vocabulary_merge(v, lm_text_cstr(left), left->length, lm_text_cstr(right),
                               right->length, err);
}

/* The first line may be a comment; an empty last one is none. */
static lm_status read_merges(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_text left = {0}, right = {0};
    lm_status status = LM_OK;
    const char *line = f->text, *end = f->text + f->size;
    for (int64_t number = 1; line < end && status == LM_OK; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((newline ? newline : end) - line), whole = n;
        if (n > 0 && line[n - 1] == '\r') n--;
        bool comment = number == 1 && n >= 8 && memcmp(line, "#version", 8) == 0;
        if (!comment && (n > 0 || newline))
            status = read_merge(v, f, number, line, n, &left, &right, err);
        line += whole + 1;
    }
    if (status == LM_OK && (left.failed || right.failed)) status = lm_error_no_memory(err, f->path);
    lm_text_free(&left);
    lm_text_free(&right);
    return status;
}

/* ---- the other file ---------------------------------------------------------------------------*/

/* Where the file that belongs to it lies: malloc'd. */
static lm_status find_other(const lm_tokenizer_file *f, char **other, lm_error *err) {
    static const char *const json[] = {"vocab.json", "encoder.json"};
    static const char *const merges[] = {"merges.txt", "vocab.bpe"};
    const char *const *names = is_json(f) ? merges : json;
    const char *slash = strrchr(f->path, '/');
    lm_text path = {0};
    lm_status status = LM_OK;
    *other = NULL;
    for (int i = 0; i < 2 && !*other; i++) {
        path.length = 0;
        lm_text_append(&path, f->path, slash ? (size_t)(slash - f->path) + 1 : 0);
        lm_text_printf(&path, "%s", names[i]);
        if (!path.failed && lm_file_exists(lm_text_cstr(&path)))
            *other = strdup(lm_text_cstr(&path));
    }
    if (!*other)
        status = lm_error_set(err, LM_ERR_USAGE, "%s: expected %s or %s beside it, found neither",
                              f->path, names[0], names[1]);
    lm_text_free(&path);
    return status;
}

static lm_status load(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    char *other;
    lm_text text = {0};
    lm_status status = find_other(f, &other, err);
    if (status != LM_OK) return status;
    if ((status = lm_file_read(other, MOST_BYTES, &text, err)) != LM_OK) goto out;
    const lm_tokenizer_file beside = {
        .path = other, .text = lm_text_cstr(&text), .size = text.length};
    v->split = f->split ? f->split : lm_split_find("gpt2");
    status = read_vocab(v, is_json(f) ? f : &beside, err);
    if (status == LM_OK) status = read_merges(v, is_json(f) ? &beside : f, err);
out:
    lm_text_free(&text);
    free(other);
    return status;
}

const lm_tokenizer_format lm_tokenizer_format_gpt2 = {"vocab.json and merges.txt", probe, load};
