#include "view/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "containers/json_tree.h"
#include "view/line.h"

enum {
    BLOCK = 1 << 18,         /* bytes read at once */
    LONGEST_LINE = 1 << 24,  /* a longer one is none of ours */
    MOST_ANCHORS = 2048,     /* kept; every second one goes when there are more */
    SAMPLE_BYTES = 16384,    /* a longer text is cut */
    WHY_BYTES = 240,         /* the same of the reason of an event */
    LARGEST_FILE = 16 << 20, /* of resolved.json and summary.json */
    MOST_ENTRIES = 16384,    /* of them */
};

/* ---- what a line adds -------------------------------------------------------------------------*/

static lm_view_series *find_series(lm_view_run *r, const char *name, int64_t hint) {
    for (int64_t i = 0; i < r->n_series; i++) {
        lm_view_series *s = &r->series[(hint + i) % r->n_series];
        if (strcmp(s->name, name) == 0) return s;
    }
    if (r->n_series >= LM_VIEW_MOST_SERIES) return NULL;
    lm_view_series *grown = realloc(r->series, (size_t)(r->n_series + 1) * sizeof *grown);
    if (!grown) return NULL;
    r->series = grown;
    char *copy = strdup(name);
    if (!copy) return NULL;
    r->series[r->n_series] = (lm_view_series){.name = copy};
    return &r->series[r->n_series++];
}

static bool add_anchor(lm_view_run *r, const lm_line *line) {
    if (r->anchor_every == 0) {
        r->anchors = calloc(MOST_ANCHORS, sizeof *r->anchors);
        if (!r->anchors) return false;
        r->anchor_every = 1;
    }
    if (r->rows++ % r->anchor_every != 0) return true;
    if (r->n_anchors == MOST_ANCHORS) {
        r->anchor_every *= 2;
        for (int64_t i = 0; i < MOST_ANCHORS / 2; i++) r->anchors[i] = r->anchors[2 * i];
        r->n_anchors = MOST_ANCHORS / 2;
    }
    r->anchors[r->n_anchors++] = (lm_view_anchor){line->step, line->tokens, line->seconds};
    return true;
}

static char *shortened(const lm_text *t, size_t most) {
    size_t n = t->length;
    const char *text = lm_text_cstr(t);
    if (n > most)
        for (n = most; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--;
    return strndup(text, n);
}

static void free_sample(lm_view_sample *s) {
    free(s->prompt);
    free(s->text);
}

/* The first, the last and some in between. */
static bool add_sample(lm_view_run *r, const lm_line *line) {
    if (r->sample_every == 0) {
        r->samples = calloc(LM_VIEW_MOST_SAMPLES + 1, sizeof *r->samples);
        if (!r->samples) return false;
        r->sample_every = 1;
    }
    /* The one before stays only when its turn had come. */
    if (r->samples_seen > 0 && (r->samples_seen - 1) % r->sample_every != 0)
        free_sample(&r->samples[--r->n_samples]);
    if (r->n_samples == LM_VIEW_MOST_SAMPLES) {
        r->sample_every *= 2;
        for (int64_t i = 0; i < LM_VIEW_MOST_SAMPLES; i++) {
            if (i % 2)
                free_sample(&r->samples[i]);
            else
                r->samples[i / 2] = r->samples[i];
        }
        r->n_samples = LM_VIEW_MOST_SAMPLES / 2;
    }
    r->samples_seen++;
    lm_view_sample *s = &r->samples[r->n_samples++];
    *s = (lm_view_sample){line->step, shortened(&line->prompt, SAMPLE_BYTES),
                          shortened(&line->sample, SAMPLE_BYTES)};
    return s->prompt && s->text;
}

static bool add_event(lm_view_run *r, const lm_line *line) {
    int64_t refused = line->step;
    if (r->event_every == 0) {
        r->events = calloc(LM_VIEW_MOST_EVENTS, sizeof *r->events);
        if (!r->events) return false;
        r->event_every = 1;
    }
    if (r->events_seen++ % r->event_every != 0) return true;
    if (r->n_events == LM_VIEW_MOST_EVENTS) {
        r->event_every *= 2;
        for (int64_t i = 0; i < LM_VIEW_MOST_EVENTS; i++) {
            if (i % 2)
                free(r->events[i].why);
            else
                r->events[i / 2] = r->events[i];
        }
        r->n_events = LM_VIEW_MOST_EVENTS / 2;
    }
    for (int64_t i = 0; i < line->n_values; i++) {
        double value = line->values[i].value;
        bool is_step = value >= 0 && value < 1e15;
        if (is_step && strcmp(lm_line_name(line, i), "refused") == 0) refused = (int64_t)value;
    }
    bool back = strcmp(lm_text_cstr(&line->event), "rewind") == 0;
    lm_view_event *e = &r->events[r->n_events++];
    *e = (lm_view_event){refused, back ? line->step : -1, shortened(&line->why, WHY_BYTES)};
    return e->why != NULL;
}

static bool add_line(lm_view_run *r, const lm_line *line) {
    int64_t hint = 0;
    if (line->step < r->step) return true; /* two processes wrote into one file */
    for (int64_t i = 0; i < line->n_values; i++) {
        lm_view_series *s = find_series(r, lm_line_name(line, i), hint);
        if (!s) {
            if (r->n_series >= LM_VIEW_MOST_SERIES) continue;
            return false;
        }
        hint = s - r->series + 1;
        if (!lm_series_add(&s->series, line->step, line->values[i].value)) return false;
    }
    if (line->has_sample && !add_sample(r, line)) return false;
    if (line->has_event && !add_event(r, line)) return false;
    if (!isfinite(line->tokens) || !isfinite(line->seconds)) return true;
    r->tokens = line->tokens;
    r->seconds = line->seconds;
    r->step = line->step;
    return add_anchor(r, line);
}

/* ---- metrics.jsonl ----------------------------------------------------------------------------*/

static void forget_metrics(lm_view_run *r) {
    for (int64_t i = 0; i < r->n_series; i++) {
        free(r->series[i].name);
        lm_series_free(&r->series[i].series);
    }
    for (int64_t i = 0; i < r->n_samples; i++) free_sample(&r->samples[i]);
    for (int64_t i = 0; i < r->n_events; i++) free(r->events[i].why);
    free(r->series);
    free(r->anchors);
    free(r->samples);
    free(r->events);
    r->events = NULL;
    r->n_events = r->event_every = r->events_seen = 0;
    r->series = NULL;
    r->anchors = NULL;
    r->samples = NULL;
    r->n_series = r->n_anchors = r->anchor_every = r->rows = 0;
    r->n_samples = r->sample_every = r->samples_seen = r->step = 0;
    r->tokens = r->seconds = 0;
    r->offset = r->n_before = 0;
}

/* Takes the whole lines of the block; *used: their bytes. */
static bool take_lines(lm_view_run *r, lm_line *line, const lm_text *block, size_t *used) {
    const char *at = block->data, *all_end = at + block->length, *end;
    for (; at < all_end && (end = memchr(at, '\n', (size_t)(all_end - at))); at = end + 1)
        if (lm_line_read(line, at, (size_t)(end - at)) && !add_line(r, line)) return false;
    *used = (size_t)(at - block->data);
    return !line->failed;
}

static lm_status read_on(lm_view_run *r, int fd, const char *path, lm_error *err) {
    lm_text block = {0};
    lm_line line = {0};
    lm_status status = LM_OK;
    for (uint64_t at = r->offset; status == LM_OK;) {
        size_t used = 0;
        lm_text_reserve(&block, BLOCK);
        ssize_t n = block.failed ? 0 : pread(fd, block.data + block.length, BLOCK, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = lm_error_call(err, path, "read");
        if (n <= 0) break;
        at += (uint64_t)n;
        block.length += (size_t)n;
        if (!take_lines(r, &line, &block, &used)) status = lm_error_no_memory(err, path);
        r->offset += used;
        memmove(block.data, block.data + used, block.length - used);
        block.length -= used;
        if (block.length > LONGEST_LINE) {
            r->offset += block.length;
            block.length = 0;
        }
    }
    if (block.failed) status = lm_error_no_memory(err, path);
    lm_text_free(&block);
    lm_line_free(&line);
    return status;
}

/* The bytes before the offset: a line ends with the time, so that another line differs in them. */
static void remember(lm_view_run *r, int fd) {
    r->n_before = (size_t)lm_u64_min(r->offset, sizeof r->before);
    ssize_t n = pread(fd, r->before, r->n_before, (off_t)(r->offset - r->n_before));
    if (n != (ssize_t)r->n_before) r->n_before = 0;
}

/* A run that goes on from an earlier step cuts lines off, and then may write more than these. */
static bool is_cut(const lm_view_run *r, int fd, uint64_t size) {
    char now[sizeof r->before];
    if (size < r->offset) return true;
    ssize_t n = pread(fd, now, r->n_before, (off_t)(r->offset - r->n_before));
    return n != (ssize_t)r->n_before || memcmp(now, r->before, r->n_before) != 0;
}

static lm_status read_metrics(lm_view_run *r, lm_error *err) {
    struct stat s;
    char *path = lm_file_join(r->path, "metrics.jsonl");
    if (!path) return lm_error_no_memory(err, r->path);
    lm_status status = LM_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT) status = lm_error_call(err, path, "open");
    } else if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: expected a regular file", path);
    } else {
        if ((uint64_t)s.st_ino != r->inode || is_cut(r, fd, (uint64_t)s.st_size)) forget_metrics(r);
        r->inode = (uint64_t)s.st_ino;
        status = read_on(r, fd, path, err);
        remember(r, fd);
    }
    if (fd >= 0) close(fd);
    free(path);
    return status;
}

/* ---- resolved.json, summary.json --------------------------------------------------------------*/

static void forget_entries(lm_view_entries *e) {
    for (int64_t i = 0; i < e->count; i++) {
        free(e->items[i].key);
        free(e->items[i].value);
    }
    free(e->items);
    *e = (lm_view_entries){0};
}

static bool add_entry(lm_view_entries *e, const char *key, const lm_json_node *n,
                      const char *text) {
    if (e->count >= MOST_ENTRIES) return true;
    if (e->count == e->capacity) {
        int64_t capacity = lm_max(64, 2 * e->capacity);
        lm_view_entry *grown = realloc(e->items, (size_t)capacity * sizeof *grown);
        if (!grown) return false;
        e->items = grown;
        e->capacity = capacity;
    }
    char *value =
        n->kind == LM_JSON_STRING ? strdup(n->string) : strndup(text + n->at, n->end - n->at);
    lm_view_entry *entry = &e->items[e->count++];
    *entry = (lm_view_entry){strdup(key), value, n->kind == LM_JSON_NUMBER ? n->number : NAN};
    return entry->key && entry->value;
}

/* Objects become their members; arrays are values. */
static bool flatten(lm_view_entries *e, const lm_json_node *object, lm_text *path,
                    const char *text) {
    size_t length = path->length;
    for (const lm_json_node *m = object->child; m; m = m->next) {
        path->length = length;
        lm_text_printf(path, "%s%s", length ? "." : "", m->key);
        if (path->failed) return false;
        bool fine = m->kind == LM_JSON_OBJECT && m->child
                        ? flatten(e, m, path, text)
                        : add_entry(e, lm_text_cstr(path), m, text);
        if (!fine) return false;
    }
    return true;
}

/* A file that is not there, or half of one, leaves what was read before. */
static lm_status read_entries(lm_view_run *r, const char *name, lm_view_entries *out,
                              lm_error *err) {
    lm_error aside;
    lm_text text = {0}, key = {0};
    lm_json_node *root = NULL;
    lm_view_entries found = {0};
    char *path = lm_file_join(r->path, name);
    lm_status status = path ? LM_OK : lm_error_no_memory(err, r->path);
    if (status == LM_OK && lm_file_exists(path) &&
        lm_file_read(path, LARGEST_FILE, &text, &aside) == LM_OK &&
        lm_json_tree_read(&root, path, lm_text_cstr(&text), text.length, NULL, &aside) == LM_OK &&
        root->kind == LM_JSON_OBJECT) {
        if (!flatten(&found, root, &key, lm_text_cstr(&text)))
            status = lm_error_no_memory(err, path);
        forget_entries(out);
        *out = found;
    }
    lm_json_tree_free(root);
    lm_text_free(&text);
    lm_text_free(&key);
    free(path);
    return status;
}

/* ---- the run ----------------------------------------------------------------------------------*/

static bool has(const char *directory, const char *name) {
    char *path = lm_file_join(directory, name);
    bool there = path && lm_file_exists(path);
    free(path);
    return there;
}

lm_status lm_view_run_open(lm_view_run *r, const char *path, lm_error *err) {
    *r = (lm_view_run){0};
    if (!lm_file_exists(path)) return lm_error_call(err, path, "open");
    if (!lm_file_is_directory(path))
        return lm_error_set(err, LM_ERR_USAGE, "%s: expected a run directory, found a file", path);
    if (access(path, R_OK | X_OK) != 0) return lm_error_call(err, path, "open");
    if (!has(path, "metrics.jsonl") && !has(path, "resolved.json") && !has(path, "summary.json"))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a run directory: it has no metrics.jsonl, resolved.json"
                            " or summary.json",
                            path);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    r->path = strndup(path, n);
    const char *slash = r->path ? strrchr(r->path, '/') : NULL;
    r->name = r->path ? strdup(slash && slash[1] ? slash + 1 : r->path) : NULL;
    if (r->name) return LM_OK;
    lm_view_run_free(r);
    return lm_error_no_memory(err, path);
}

lm_status lm_view_run_read(lm_view_run *r, lm_error *err) {
    lm_status status = read_metrics(r, err);
    if (status == LM_OK) status = read_entries(r, "resolved.json", &r->config, err);
    if (status == LM_OK) status = read_entries(r, "summary.json", &r->summary, err);
    return status;
}

void lm_view_run_free(lm_view_run *r) {
    forget_metrics(r);
    forget_entries(&r->config);
    forget_entries(&r->summary);
    free(r->path);
    free(r->name);
    *r = (lm_view_run){0};
}

const lm_series *lm_view_run_series(const lm_view_run *r, const char *name) {
    for (int64_t i = 0; i < r->n_series; i++)
        if (strcmp(r->series[i].name, name) == 0) return &r->series[i].series;
    return NULL;
}

static const lm_view_entry *find_entry(const lm_view_entries *e, const char *key) {
    for (int64_t i = 0; i < e->count; i++)
        if (strcmp(e->items[i].key, key) == 0) return &e->items[i];
    return NULL;
}

const char *lm_view_text(const lm_view_entries *e, const char *key) {
    const lm_view_entry *found = find_entry(e, key);
    return found ? found->value : NULL;
}

double lm_view_number(const lm_view_entries *e, const char *key) {
    const lm_view_entry *found = find_entry(e, key);
    return found ? found->number : (double)NAN;
}

int64_t lm_view_run_count(const lm_view_run *r, const char *name) {
    const lm_series *s = lm_view_run_series(r, name);
    double count = s && s->count > 0 ? s->last : lm_view_number(&r->summary, name);
    return count > 0 && count < 1e15 ? (int64_t)count : 0;
}

const char *lm_view_run_state(const lm_view_run *r) {
    const char *state = lm_view_text(&r->summary, "state");
    if (r->running) return "running";
    if (!state) state = lm_view_text(&r->summary, "reason"); /* of an older lmtrain */
    if (!state) return "unknown";
    return strcmp(state, "running") == 0 ? "stopped" : state;
}

bool lm_view_run_ended_badly(const lm_view_run *r) {
    const char *state = lm_view_run_state(r);
    return strcmp(state, "diverged") == 0 || strcmp(state, "failed") == 0;
}

lm_view_anchor lm_view_run_anchor(const lm_view_run *r, int64_t step) {
    lm_view_anchor last = {r->step, r->tokens, r->seconds}, a = {0};
    for (int64_t i = 0; i <= r->n_anchors; i++) {
        lm_view_anchor b = i < r->n_anchors ? r->anchors[i] : last;
        if (b.step >= step) {
            if (b.step == a.step) return b;
            double share = (double)(step - a.step) / (double)(b.step - a.step);
            return (lm_view_anchor){step, a.tokens + share * (b.tokens - a.tokens),
                                    a.seconds + share * (b.seconds - a.seconds)};
        }
        a = b;
    }
    return last;
}

/* One more part of its path, in front; *longer: there was one. */
static bool lengthen(lm_view_run *r, bool *longer) {
    size_t shown = strlen(r->name), all = strlen(r->path);
    if (shown >= all) return true;
    size_t at = all - shown - 1; /* on the slash in front of it */
    while (at > 0 && r->path[at - 1] != '/') at--;
    char *name = strdup(r->path + at);
    if (!name) return false;
    free(r->name);
    r->name = name;
    *longer = true;
    return true;
}

lm_status lm_view_run_names(lm_view_run *runs, int64_t n, lm_error *err) {
    bool *twin = calloc((size_t)n + 1, sizeof *twin), longer = true;
    lm_status status = twin ? LM_OK : lm_error_no_memory(err, "runs");
    while (longer && status == LM_OK) {
        longer = false;
        for (int64_t i = 0; i < n; i++) twin[i] = false;
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < i; k++)
                if (strcmp(runs[i].name, runs[k].name) == 0) twin[i] = twin[k] = true;
        for (int64_t i = 0; i < n && status == LM_OK; i++)
            if (twin[i] && !lengthen(&runs[i], &longer))
                status = lm_error_no_memory(err, runs[i].path);
    }
    free(twin);
    return status;
}
