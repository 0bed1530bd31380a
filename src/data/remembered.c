#include "data/remembered.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"

#define FORMAT   "lmtrain checked shard"
#define MAX_SIZE ((size_t)1 << 16)
#define JUST_NOW ((int64_t)2000000000) /* nanoseconds */

/* The directory, without its end; variables that are relative paths are ignored, as the XDG base
 * directory specification asks. False: there is none. */
static bool print_directory(lm_text *out) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/') {
        lm_text_printf(out, "%s/lmtrain", cache);
    } else if (home && home[0] == '/') {
        lm_text_printf(out, "%s/.cache/lmtrain", home);
    } else {
        return false;
    }
    return !out->failed;
}

/* One name for every state of a file, so that records do not pile up. */
static void print_name(const lm_shard *s, lm_text *out) {
    const uint64_t file[] = {s->identity.device, s->identity.inode};
    lm_text_printf(out, "/shard-%016" PRIx64 ".json", lm_digest_of(file, sizeof file));
}

/* What must be as it was: the file, and how its ids were read. */
enum { KEYS = 8 };
static void keys_of(const lm_shard *s, const char *names[KEYS], uint64_t values[KEYS]) {
    static const char *const all[KEYS] = {"device",  "inode", "size",     "modified",
                                          "changed", "start", "id_width", "index"};
    const uint64_t found[KEYS] = {
        s->identity.device,
        s->identity.inode,
        s->identity.size,
        (uint64_t)s->identity.modified,
        (uint64_t)s->identity.changed,
        s->start,
        (uint64_t)s->ids.bytes * 4 + s->ids.is_signed * 2 + s->ids.big_endian,
        s->has_index ? s->index_digest : 0,
    };
    for (int i = 0; i < KEYS; i++) {
        names[i] = all[i];
        values[i] = found[i];
    }
}

static bool parse(const lm_shard *s, const char *path, const lm_text *text, lm_finding *f) {
    lm_error aside;
    lm_json_reader r;
    const char *names[KEYS];
    uint64_t values[KEYS];
    bool same = true;
    if (lm_json_open(&r, path, lm_text_cstr(text), text->length, &aside) != LM_OK) return false;
    lm_json_expect_string(&r, "format", FORMAT);
    lm_json_expect_count(&r, "version", 1);
    keys_of(s, names, values);
    for (int i = 0; i < KEYS; i++) same &= lm_json_get_digest(&r, names[i]) == values[i];
    f->digest = lm_json_get_digest(&r, "xxh64");
    f->largest = (uint32_t)lm_json_get_count(&r, "largest_id", 0, UINT32_MAX);
    return lm_json_close(&r) == LM_OK && same;
}

bool lm_remembered_find(const lm_shard *s, lm_finding *f) {
    lm_error aside;
    lm_text path = {0}, text = {0};
    bool known = print_directory(&path);
    if (known) {
        print_name(s, &path);
        known = !path.failed && lm_file_exists(path.data) &&
                lm_file_read(path.data, MAX_SIZE, &text, &aside) == LM_OK &&
                parse(s, path.data, &text, f);
    }
    lm_text_free(&path);
    lm_text_free(&text);
    return known;
}

static void print_record(const lm_shard *s, const lm_finding *f, lm_text *out) {
    lm_json_writer w = {.out = out};
    const char *names[KEYS];
    uint64_t values[KEYS];
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "format", FORMAT);
    lm_json_integer(&w, "version", 1);
    lm_json_string(&w, "path", s->path); /* for people */
    keys_of(s, names, values);
    for (int i = 0; i < KEYS; i++) lm_json_digest(&w, names[i], values[i]);
    lm_json_digest(&w, "xxh64", f->digest);
    lm_json_integer(&w, "largest_id", f->largest);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

/* Without syncing: a record that is lost or torn is none. */
static lm_status replace(const char *path, const lm_text *text, lm_error *err) {
    lm_text temporary = {0};
    lm_text_printf(&temporary, "%s.%ld", path, (long)getpid()); /* of this process alone */
    if (temporary.failed || text->failed) {
        lm_text_free(&temporary);
        return lm_error_no_memory(err, path);
    }
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write(fd, text->data, text->length) == (ssize_t)text->length;
    if (fd >= 0) done &= close(fd) == 0;
    done = done && rename(temporary.data, path) == 0;
    lm_status status = LM_OK;
    if (!done)
        status =
            lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot write: %s", path, lm_error_errno(errno));
    if (!done && fd >= 0) unlink(temporary.data);
    lm_text_free(&temporary);
    return status;
}

static bool is_just_changed(const lm_shard *s) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return now - s->identity.modified < JUST_NOW;
}

void lm_remembered_keep(const lm_shard *s, const lm_finding *f, lm_error *why) {
    lm_text path = {0}, text = {0};
    why->message[0] = 0;
    if (is_just_changed(s)) {
        lm_error_set(why, LM_ERR_RUNTIME, "%s was changed just now", s->path);
    } else if (!print_directory(&path)) {
        lm_error_set(why, LM_ERR_RUNTIME, "neither XDG_CACHE_HOME nor HOME names a directory");
    } else if (lm_file_make_directory(path.data, why) == LM_OK) {
        print_name(s, &path);
        print_record(s, f, &text);
        (void)(path.failed ? lm_error_no_memory(why, NULL) : replace(path.data, &text, why));
    }
    lm_text_free(&path);
    lm_text_free(&text);
}
