/* A directory for Hugging Face's transformers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "containers/safetensors.h"
#include "interop/encode.h"
#include "interop/export_parts.h"
#include "interop/hf_config.h"
#include "tokenizer/gguf_vocabulary.h"

/* PyTorch's name of a dtype. */
static const char *torch_dtype(lm_element element) {
    return element == LM_ELEMENT_BF16  ? "bfloat16"
           : element == LM_ELEMENT_F16 ? "float16"
                                       : "float32";
}

/* ---- the weights ------------------------------------------------------------------------------*/

typedef struct shard {
    int64_t first, count; /* tensors */
    char name[64];
    lm_safetensors_writer w;
} shard;

typedef struct shards {
    shard *list;
    int64_t count;
    uint64_t bytes; /* of all tensors */
} shards;

static uint64_t tensor_bytes(const lm_interop_job *job, int64_t i) {
    const lm_interop_tensor *t = &job->tensors[i];
    uint64_t bytes;
    LM_ASSERT(lm_element_bytes((int)lm_interop_dtype_element(job->e->dtype),
                               t->shape[0] * t->shape[1], &bytes));
    return bytes;
}

/* Cuts the list of tensors where the next one would make a file too large. */
static lm_status cut(const lm_interop_job *job, shards *s, lm_error *err) {
    const uint64_t most = job->e->shard_bytes;
    uint64_t inside = 0;
    if (!(s->list = calloc((size_t)job->count, sizeof *s->list)))
        return lm_error_no_memory(err, job->e->output);
    for (int64_t i = 0; i < job->count; i++) {
        uint64_t bytes = tensor_bytes(job, i);
        if (s->count == 0 || inside + bytes > most) {
            s->list[s->count++].first = i;
            inside = 0;
        }
        s->list[s->count - 1].count++;
        inside += bytes;
        s->bytes += bytes;
    }
    for (int64_t i = 0; i < s->count; i++)
        if (s->count == 1)
            snprintf(s->list[i].name, sizeof s->list[i].name, "model.safetensors");
        else
            snprintf(s->list[i].name, sizeof s->list[i].name, "model-%05lld-of-%05lld.safetensors",
                     (long long)i + 1, (long long)s->count);
    return LM_OK;
}

static lm_status write_shard(const lm_interop_job *job, shard *s, lm_interop_files *files,
                             lm_error *err) {
    const lm_element element = lm_interop_dtype_element(job->e->dtype);
    char *path = lm_interop_files_path(files, s->name, err);
    if (!path) return err->code;
    lm_safetensors_put(&s->w, "format", "pt");
    for (int64_t i = s->first; i < s->first + s->count; i++) {
        const lm_interop_tensor *t = &job->tensors[i];
        lm_safetensors_add(&s->w, t->name, element, t->ndim, t->shape);
    }
    lm_status status = lm_safetensors_begin(&s->w, path, err);
    for (int64_t i = 0; i < s->count && status == LM_OK; i++) {
        status = lm_interop_write_tensor(job, s->first + i, element, &s->w.tensors, (size_t)i, err);
    }
    free(path);
    return status;
}

static lm_status add_index(const lm_interop_job *job, const shards *s, lm_interop_files *files,
                           lm_error *err) {
    lm_text text = {0};
    lm_json_writer w = {.out = &text};
    if (s->count == 1) return LM_OK;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_object(&w, "metadata", LM_JSON_LINES);
    lm_json_integer(&w, "total_size", (int64_t)s->bytes);
    lm_json_end(&w);
    lm_json_object(&w, "weight_map", LM_JSON_LINES);
    for (int64_t i = 0; i < s->count; i++)
        for (int64_t k = 0; k < s->list[i].count; k++)
            lm_json_string(&w, job->tensors[s->list[i].first + k].name, s->list[i].name);
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_append(&text, "\n", 1);
    lm_status status = lm_interop_files_add(files, "model.safetensors.index.json", &text, err);
    lm_text_free(&text);
    return status;
}

/* ---- the texts --------------------------------------------------------------------------------*/

static lm_status add_configs(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    const lm_interop_special special = lm_interop_special_of(job->e);
    lm_text config = {0}, generation = {0};
    lm_interop_hf_config(job->e->class, &job->there, &special,
                         torch_dtype(lm_interop_dtype_element(job->e->dtype)), &config);
    lm_interop_hf_generation(&special, &generation);
    lm_status status = lm_interop_files_add(files, "config.json", &config, err);
    if (status == LM_OK)
        status = lm_interop_files_add(files, "generation_config.json", &generation, err);
    lm_text_free(&config);
    lm_text_free(&generation);
    return status;
}

/* transformers 5 passes over the split in the tokenizer.json of a model of the type qwen2 and takes
 * Qwen2's own (models/auto/tokenization_auto.py, MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS). */
static void say_of_qwen2(const lm_interop_job *job) {
    lm_gguf_vocabulary v;
    lm_error aside;
    const lm_interop_export *e = job->e;
    if (strcmp(e->class->type, "qwen2") != 0) return;
    bool same = false;
    if (lm_tokenizer_to_gguf(e->tokenizer, job->there.vocab_size, &v, &aside) == LM_OK) {
        same = v.pre.size == 5 && memcmp(v.pre.text, "qwen2", 5) == 0;
        lm_gguf_vocabulary_free(&v);
    }
    if (!same)
        lm_text_say(job->said,
                    "AutoTokenizer of transformers 5 splits text as Qwen2 for every model"
                    " of this class, which is not how this tokenizer does: load it by"
                    " PreTrainedTokenizerFast\n");
}

static lm_status add_tokenizer(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    const lm_tokenizer *t = job->e->tokenizer;
    const lm_text *chat = &job->e->kept->chat_template;
    const lm_interop_special special = lm_interop_special_of(job->e);
    const lm_tokenizer_config how = {.length = job->there.context_length,
                                     .bos = special.bos,
                                     .eos = special.eos,
                                     .pad = special.pad,
                                     .chat_template = chat->length > 0 ? lm_text_cstr(chat) : NULL};
    lm_text file = {0}, config = {0};
    if (!t) {
        lm_text_say(job->said, "the run does not know its tokenizer: there is no tokenizer.json\n");
        return LM_OK;
    }
    say_of_qwen2(job);
    lm_status status = lm_tokenizer_save(t, &file, err);
    if (status == LM_OK) status = lm_tokenizer_save_config(t, &how, &config, err);
    if (status == LM_OK) status = lm_interop_files_add(files, "tokenizer.json", &file, err);
    if (status == LM_OK)
        status = lm_interop_files_add(files, "tokenizer_config.json", &config, err);
    if (status == LM_OK && chat->length > 0) /* transformers 5 looks here first */
        status = lm_interop_files_add(files, "chat_template.jinja", chat, err);
    lm_text_free(&file);
    lm_text_free(&config);
    return status;
}

static lm_status add_card(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    const lm_text card = {.data = (char *)(uintptr_t)job->e->card, .length = strlen(job->e->card)};
    return lm_interop_files_add(files, "README.md", &card, err);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static lm_status write_hf(lm_interop_job *job, lm_error *err) {
    const lm_text about = {.data = (char *)(uintptr_t)job->e->about,
                           .length = strlen(job->e->about)};
    lm_interop_files files;
    shards s = {0};
    lm_status status = lm_interop_files_open(&files, job->e->output, job->e->force, err);
    if (status != LM_OK) return status;
    if ((status = add_configs(job, &files, err)) != LM_OK) goto out;
    if ((status = add_tokenizer(job, &files, err)) != LM_OK) goto out;
    if ((status = add_card(job, &files, err)) != LM_OK) goto out;
    if ((status = cut(job, &s, err)) != LM_OK) goto out;
    if ((status = add_index(job, &s, &files, err)) != LM_OK) goto out;
    for (int64_t i = 0; i < s.count && status == LM_OK; i++)
        status = write_shard(job, &s.list[i], &files, err);
    if (status == LM_OK) status = lm_interop_files_record(&files, &about, err);
    for (int64_t i = 0; i < s.count && status == LM_OK; i++)
        status = lm_tensor_writer_commit(&s.list[i].w.tensors, err);
    if (status == LM_OK) status = lm_interop_files_commit(&files, &about, err);
out:
    for (int64_t i = 0; i < s.count; i++) lm_safetensors_writer_free(&s.list[i].w);
    free(s.list);
    lm_interop_files_close(&files);
    return status;
}

/* f32, bf16, f16 */
const lm_interop_kind lm_interop_kind_hf = {.dtypes = 0x7, .is_directory = true, .write = write_hf};
