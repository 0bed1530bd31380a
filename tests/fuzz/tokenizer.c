/* libFuzzer target for the readers of tokenizers, of text that is encoded by them, and of text that
 * comes back: make fuzz. The first input is one of the small tokenizers of tests/tokenizer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tokenizer/tokenizer.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_tokenizer *t;
    lm_token_list ids = {0};
    lm_text back = {0};
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (lm_tokenizer_parse(&t, "fuzz", text, size, NULL, &err) == LM_OK) {
        lm_status status = lm_tokenizer_encode(t, text, size, &ids, &err);
        for (int64_t i = 0; i < ids.count; i++) lm_tokenizer_decode(t, ids.ids[i], &back);
        bool same = back.length == size && (size == 0 || memcmp(back.data, text, size) == 0);
        if (status == LM_OK && !back.failed) LM_ASSERT(same);
        lm_tokenizer_close(t);
    }
    lm_token_list_free(&ids);
    lm_text_free(&back);
    free(text);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static lm_text good;
    lm_error err;
    if (!good.data &&
        lm_file_read("tests/tokenizer/small_gpt2.json", 1 << 20, &good, &err) != LM_OK)
        lm_file_read("../../../tests/tokenizer/small_gpt2.json", 1 << 20, &good, &err);
    if ((size < 100 || seed % 64 == 0) && good.length > 0 && good.length <= most) {
        memcpy(data, good.data, good.length);
        size = good.length;
    }
    return LLVMFuzzerMutate(data, size, most);
}
