/* act: text classifiers. Made from bindings/c/src by cbindgen; a test holds it current.
 *
 * Every function may be called from any thread at any time, except that act_close must be the last use of a
 * model. None of them lets a panic out. docs/c.md has the rest.
 */

#ifndef ACT_H
#define ACT_H

#include <stddef.h>
#include <stdint.h>

// How a call ended. The numbers are the exit codes of act's programs.
typedef enum {
  // Done.
  ACT_STATUS_OK = 0,
  // The work itself failed: out of memory, a model whose scores are not finite, a fault of act.
  ACT_STATUS_FAILED = 1,
  // The caller's to mend: no such file, a null pointer, text that is not UTF-8, one text where the
  // model takes two, an id that the model does not know.
  ACT_STATUS_USAGE = 2,
  // The file is no model, is damaged, or is of a newer version.
  ACT_STATUS_REJECTED = 3,
} act_status;

// What a model's answers are.
typedef enum {
  // One label a text.
  ACT_PROBLEM_SINGLE_LABEL = 0,
  // Any number of labels a text, or none.
  ACT_PROBLEM_MULTI_LABEL = 1,
  // A score a text.
  ACT_PROBLEM_REGRESSION = 2,
} ActProblem;

// A loaded model. Any number of threads may share one; only `act_close` must be the last.
typedef struct act_classifier act_classifier;

// Arrays that a call fills, each the caller's own; null where it is not wanted.
typedef struct {
  // `[count]`: the most probable class of each; of a regression 0.
  size_t *classes;
  // `[count, act_labels]`, row by row: 1 for every label that the text is given, of several those whose
  // probability reaches their threshold, else 0; all 0 of a regression.
  uint8_t *given;
  // `[count, act_labels]`, row by row: they add up to 1; of several labels each is one for itself; of a
  // regression all 0.
  float *probabilities;
  // `[count, act_labels]`, row by row: the class scores; of a regression the score.
  float *logits;
  // `[count]`: tokens of each text before it was cut. More than `act_max_tokens`: it was cut, and this
  // is the answer to what was left of it.
  size_t *tokens;
} act_answers;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library.
const char *act_version(void);

// Opens an `.act` file, checks it whole and loads it. The file must not be changed in place while the
// model is open; replacing it by another (rename) is fine.
//
// `threads`: on how many threads a call is computed; 1 is the caller's own, 0 every core that the process
// may use. Answers do not depend on it. With more than one, open the model after `fork`, not before.
//
// On success `*classifier` is the model, to be closed by `act_close`; otherwise it is null, and `error`
// (`error_size` bytes, may be null) has one line that says why.
//
// # Safety
// `path` is a string with an end, `classifier` may be written, and so may `error_size` bytes of `error`.
act_status act_open(const char *path,
                    size_t threads,
                    act_classifier **classifier,
                    char *error,
                    size_t error_size);

// As `act_open`, of the bytes of such a file, which are copied.
//
// # Safety
// `size` bytes can be read at `bytes`; the rest as of `act_open`.
act_status act_open_bytes(const uint8_t *bytes,
                          size_t size,
                          size_t threads,
                          act_classifier **classifier,
                          char *error,
                          size_t error_size);

// Closes a model; null is passed over. No other call may use it then or later.
//
// # Safety
// `classifier` is null or comes from `act_open` and was not closed, and no other call uses it.
void act_close(act_classifier *classifier);

// Number of classes: columns of an answer. 0 for null.
//
// # Safety
// `classifier` is null or open.
size_t act_labels(const act_classifier *classifier);

// Name of a class, UTF-8, as long as the model is open; null if there is no such class.
//
// # Safety
// `classifier` is null or open.
const char *act_label(const act_classifier *classifier, size_t class_index);

// Tokens at which a text or a pair is cut, special tokens counted. 0 for null.
//
// # Safety
// `classifier` is null or open.
size_t act_max_tokens(const act_classifier *classifier);

// How many texts the model takes at a time: 1, 2 (a pair), or 0 where nobody has recorded it and both
// are answered.
//
// # Safety
// `classifier` is null or open.
size_t act_takes(const act_classifier *classifier);

// What the model's answers are: one label a text, any number of them, or a score. `SingleLabel` for null.
//
// # Safety
// `classifier` is null or open.
ActProblem act_problem_of(const act_classifier *classifier);

// Classifies `count` texts as one batch; several threads may call it at the same time.
//
// `texts`, and `pairs` where it is not null, have `count` strings of UTF-8, each with an end. With `pairs`,
// text and pair of the same place are classified together. A model that was made for pairs refuses single
// texts, and one that was made for single texts refuses pairs (`act_takes`).
//
// The arrays in `answers` are filled; after an error what is in them means nothing, and `error`
// (`error_size` bytes, may be null) has one line that says why.
//
// # Safety
// `classifier` is open; the strings can be read, and the arrays in `answers` written, as said; so can
// `error_size` bytes of `error`.
act_status act_classify(const act_classifier *classifier,
                        const char *const *texts,
                        const char *const *pairs,
                        size_t count,
                        act_answers answers,
                        char *error,
                        size_t error_size);

// Classifies token ids, for callers with a tokenizer of their own: `count` sequences, one after the other
// in `input_ids` without padding, of as many ids each as `lengths` says, special tokens included.
// `token_type_ids` are as many, or null: all 0. An id of the pad token inside a sequence is masked.
// The rest as of `act_classify`.
//
// # Safety
// `lengths` has `count` numbers, and the ids are as many as they add up to; the rest as of `act_classify`.
act_status act_classify_ids(const act_classifier *classifier,
                            const uint32_t *input_ids,
                            const uint32_t *token_type_ids,
                            const size_t *lengths,
                            size_t count,
                            act_answers answers,
                            char *error,
                            size_t error_size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ACT_H */
