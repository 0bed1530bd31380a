#include "cli/tokenize_output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/message.h"
#include "machine/limits.h"

enum { PARTS = LM_UNFINISHED_PARTS };

/* Bytes of text after which a restart point is kept: some seconds of work. */
#define MUCH_TEXT ((uint64_t)1 << 28)

static const char *const names[PARTS] = {"train", "val"};

/* ---- opening ----------------------------------------------------------------------------------*/

/* Is there a corpus that is not to be overwritten? */
static lm_status check_existing(const char *directory, lm_error *err) {
    for (int i = 0; i < PARTS; i++) {
        char *path;
        lm_status status = lm_shard_set_find(directory, names[i], &path, err);
        if (status == LM_OK && path)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "%s exists already: add --force to overwrite what is in %s, or"
                                  " choose another --output",
                                  path, directory);
        free(path);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

lm_status lm_tokenize_output_check(const lm_tokenize_output_options *how, lm_error *err) {
    lm_unfinished at;
    bool found;
    if (how->force || !lm_file_is_directory(how->directory)) return LM_OK;
    lm_status status = lm_unfinished_read(&at, how->directory, &found, err);
    return status != LM_OK || found ? status : check_existing(how->directory, err);
}

/* Lustre without -o flock, some NFS and FUSE have no locks. */
static bool cannot_lock(int reason) {
    return reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP || reason == EBADF;
}

lm_status lm_tokenize_output_lock(const char *directory, int *lock, lm_error *err) {
    *lock = -1;
    lm_status status = lm_file_make_directory(directory, err);
    if (status != LM_OK) return status;
    *lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) == 0) return LM_OK; /* else: found out later */
    if (errno == EWOULDBLOCK)
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: another lmtrain tokenize is writing there",
                            directory);
    if (cannot_lock(errno))
        lm_message_write(stderr,
                         "lmtrain: warning: %s: this file system has no locks, so that nothing"
                         " keeps a second lmtrain tokenize out\n",
                         directory);
    return LM_OK;
}

/* o->kept: there is work to go on with. */
static lm_status find_unfinished(lm_tokenize_output *o, uint64_t options, lm_error *err) {
    if (o->how.force) return lm_unfinished_remove(o->how.directory, err);
    lm_status status = lm_unfinished_read(&o->at, o->how.directory, &o->kept, err);
    if (status != LM_OK) return status;
    if (!o->kept) return check_existing(o->how.directory, err);
    if (o->at.options == options) return LM_OK;
    if (o->at.documents == 0 && check_existing(o->how.directory, err) == LM_OK) {
        o->kept = false; /* nothing of it is there */
        return LM_OK;
    }
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s holds an unfinished corpus of other options: give those to go on with"
                        " it, or --force to begin anew",
                        o->how.directory);
}

lm_status lm_tokenize_output_open(lm_tokenize_output *o, const lm_tokenize_output_options *how,
                                  const lm_manifest_tokenizer *tokenizer, bool validation,
                                  uint64_t options, lm_error *err) {
    *o = (lm_tokenize_output){.how = *how};
    lm_status status = lm_file_make_directory(how->directory, err);
    if (status == LM_OK) status = find_unfinished(o, options, err);
    if (status == LM_OK && !o->kept) {
        /* Whatever is killed from here on is begun again by the same command. */
        o->at = (lm_unfinished){.options = options};
        status = lm_unfinished_write(&o->at, how->directory, err);
        o->begun = status == LM_OK;
    }
    if (status != LM_OK) return status;
    for (int i = 0; i < PARTS && status == LM_OK; i++) {
        lm_tokenize_part *p = &o->parts[i];
        p->used = i == 0 || validation;
        if (!p->used) continue;
        p->documents = o->at.parts[i].documents;
        status = o->kept ? lm_shard_set_resume(&p->shards, how->directory, names[i], tokenizer,
                                               how->shard_tokens, o->at.parts[i].tokens, err)
                         : lm_shard_set_open(&p->shards, how->directory, names[i], tokenizer,
                                             how->shard_tokens, err);
    }
    return status;
}

void lm_tokenize_output_close(lm_tokenize_output *o) {
    lm_error aside = {0};
    for (int i = 0; i < PARTS; i++) lm_shard_set_close(&o->parts[i].shards, o->kept);
    if (o->begun && !o->kept) (void)lm_unfinished_remove(o->how.directory, &aside);
    o->begun = false;
}

lm_status lm_tokenize_output_check_disk(const lm_tokenize_output *o, const lm_documents *from,
                                        double share, double most_bytes_per_token,
                                        double bytes_per_token, lm_error *err) {
    lm_documents_counts c;
    char need[32], free_text[32];
    uint64_t disk = lm_limits_disk(o->how.directory);
    const lm_shard_set *s = &o->parts[0].shards;
    double id = s->tokenizer.vocab_size > 65536 ? 4 : 2, room = (double)disk;
    if (disk == UINT64_MAX || o->kept) return LM_OK;
    lm_documents_count(from, &c);
    double least = share * (double)c.least / most_bytes_per_token * id;
    double likely = share * (double)c.total / bytes_per_token * id;
    lm_text_bytes(free_text, sizeof free_text, room);
    if (least > room)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: the shards take at least %s, and the disk has %s free",
                            o->how.directory, lm_text_bytes(need, sizeof need, least), free_text);
    if (likely > room)
        fprintf(stderr,
                "lmtrain: warning: the shards may take %s, and the disk has %s free; when it is"
                " full, make room and give the same command to go on\n",
                lm_text_bytes(need, sizeof need, likely), free_text);
    return LM_OK;
}

/* ---- restart points ---------------------------------------------------------------------------*/

static uint64_t text_bytes(const lm_documents *from) {
    lm_documents_counts c;
    lm_documents_count(from, &c);
    return c.bytes[false] + c.bytes[true];
}

static int64_t complete_shards(const lm_tokenize_output *o) {
    return o->parts[0].shards.complete + o->parts[1].shards.complete;
}

lm_status lm_tokenize_output_go_on(lm_tokenize_output *o, lm_documents *from, lm_error *err) {
    lm_documents_counts c;
    if (!o->kept) return LM_OK;
    if (o->at.documents > 0)
        fprintf(stderr, "lmtrain: going on in %s behind %" PRId64 " documents\n", o->how.directory,
                o->at.documents);
    lm_status status = lm_documents_skip(from, o->at.documents, err);
    lm_documents_count(from, &c);
    if (status != LM_OK || c.text != o->at.text)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: the text is not what its unfinished corpus was made of: --force"
                            " begins anew",
                            o->how.directory);
    o->documents = o->at.documents;
    o->bytes = c.bytes[false] + c.bytes[true];
    o->shards = complete_shards(o);
    return LM_OK;
}

lm_tokenize_part *lm_tokenize_output_begin(lm_tokenize_output *o, const lm_document *document) {
    lm_tokenize_part *p = &o->parts[document->validation];
    o->documents++;
    p->documents++;
    return p;
}

bool lm_tokenize_output_is_due(const lm_tokenize_output *o, const lm_documents *from) {
    return complete_shards(o) > o->shards || text_bytes(from) - o->bytes >= MUCH_TEXT;
}

lm_status lm_tokenize_output_save(lm_tokenize_output *o, const lm_documents *from, lm_error *err) {
    lm_documents_counts c;
    lm_documents_count(from, &c);
    o->at.documents = o->documents;
    o->at.text = c.text;
    for (int i = 0; i < PARTS; i++) {
        lm_tokenize_part *p = &o->parts[i];
        if (!p->used) continue;
        lm_status status = lm_shard_set_sync(&p->shards, err);
        if (status != LM_OK) return status;
        o->at.parts[i].tokens = p->shards.tokens;
        o->at.parts[i].documents = p->documents;
    }
    lm_status status = lm_unfinished_write(&o->at, o->how.directory, err);
    if (status != LM_OK) return status;
    o->kept = true;
    o->bytes = c.bytes[false] + c.bytes[true];
    o->shards = complete_shards(o);
    return LM_OK;
}

/* ---- the end ----------------------------------------------------------------------------------*/

static lm_status commit_part(lm_tokenize_output *o, int i, const lm_documents_counts *c,
                             lm_text *out, lm_error *err) {
    lm_tokenize_part *p = &o->parts[i];
    char bytes[32];
    lm_status status = lm_shard_set_commit(&p->shards, err);
    if (status != LM_OK) return status;
    char *path = lm_shard_set_path(&p->shards, 0);
    if (!path) return lm_error_no_memory(err, o->how.directory);
    lm_text_say(out, "%-5s %s: %" PRId64 " tokens from %s of text, ", names[i], path,
                p->shards.tokens, lm_text_bytes(bytes, sizeof bytes, (double)c->bytes[i]));
    lm_text_say(out, "%s%" PRId64 " document%s", i == 1 && c->ends ? "the ends of " : "",
                p->documents, p->documents == 1 ? "" : "s");
    if (p->shards.complete > 1) lm_text_say(out, ", %" PRId64 " shards", p->shards.complete);
    if (p->shards.tokenizer.file[0] && p->shards.tokens > 0)
        lm_text_say(out, ", %.2f bytes per token", (double)c->bytes[i] / (double)p->shards.tokens);
    lm_text_say(out, "\n");
    free(path);
    return lm_shard_set_remove_others(&p->shards, err);
}

lm_status lm_tokenize_output_commit(lm_tokenize_output *o, const lm_documents *from, lm_text *out,
                                    lm_error *err) {
    lm_documents_counts c;
    lm_status status = LM_OK;
    lm_documents_count(from, &c);
    if (o->kept && (status = lm_tokenize_output_save(o, from, err)) != LM_OK) return status;
    if (!o->parts[1].used) {
        /* Text of an earlier val.bin may be part of what is trained on now. */
        const lm_shard_set none = {.directory = o->how.directory, .name = names[1]};
        if ((status = lm_shard_set_remove_others(&none, err)) != LM_OK) return status;
    }
    for (int i = 0; i < PARTS && status == LM_OK; i++)
        if (o->parts[i].used) status = commit_part(o, i, &c, out, err);
    return status == LM_OK ? lm_unfinished_remove(o->how.directory, err) : status;
}
