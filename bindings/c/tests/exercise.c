/* Asks the library everything, from several threads, and for what it must refuse:
 * exercise SINGLE.act PAIRS.act DAMAGED.act SEVERAL.act SCORE.act */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: %s; the last error: %s\n", __FILE__, __LINE__, #condition, \
              error);                                                                     \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

enum { LABELS = 3, TEXTS = 3, THREADS = 4, ROUNDS = 50 };

static const char *const texts[TEXTS] = {"花呗怎么还款", "", "abc 可以 提前还吗"};
static act_classifier *shared;
static float expected[TEXTS * LABELS];

static void *ask(void *unused) {
  char error[200] = "";
  (void)unused;
  for (int round = 0; round < ROUNDS; round++) {
    float logits[TEXTS * LABELS];
    act_answers answers = {0};
    answers.logits = logits;
    CHECK(act_classify(shared, texts, NULL, TEXTS, answers, error, sizeof error) == ACT_STATUS_OK);
    CHECK(memcmp(logits, expected, sizeof logits) == 0);
    /* Another thread's errors are not mixed with this one's answers. */
    CHECK(act_classify(shared, texts, texts, TEXTS, answers, error, sizeof error) == ACT_STATUS_USAGE);
    CHECK(strstr(error, "takes one text") != NULL);
  }
  return NULL;
}

static void check_refusals(const char *damaged) {
  char error[200] = "";
  char tiny[4];
  act_classifier *none = (act_classifier *)1;
  CHECK(act_open("nowhere.act", 1, &none, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(none == NULL && strstr(error, "nowhere.act: No such file") != NULL);
  CHECK(act_open(damaged, 1, &none, error, sizeof error) == ACT_STATUS_REJECTED);
  CHECK(none == NULL && error[0] != '\0' && strchr(error, '\n') == NULL);
  CHECK(act_open(damaged, 1, &none, tiny, sizeof tiny) == ACT_STATUS_REJECTED);
  CHECK(strlen(tiny) == 3);
  CHECK(act_open(damaged, 1, &none, NULL, 0) == ACT_STATUS_REJECTED);
  CHECK(act_open(NULL, 1, &none, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_open(damaged, 1, NULL, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_open_bytes((const uint8_t *)"no model", 8, 1, &none, error, sizeof error) == ACT_STATUS_REJECTED);
  CHECK(act_open_bytes(NULL, 8, 1, &none, error, sizeof error) == ACT_STATUS_USAGE);
  act_close(NULL);
  CHECK(act_labels(NULL) == 0 && act_label(NULL, 0) == NULL && act_max_tokens(NULL) == 0);
  CHECK(act_takes(NULL) == 0);
}

static void check_texts(act_classifier *single, const char *pairs_path) {
  char error[200] = "";
  size_t classes[TEXTS], tokens[TEXTS];
  uint8_t given[TEXTS * LABELS];
  float probabilities[TEXTS * LABELS];
  act_answers answers = {classes, given, probabilities, expected, tokens};
  CHECK(act_problem_of(single) == ACT_PROBLEM_SINGLE_LABEL);
  CHECK(act_classify(single, texts, NULL, TEXTS, answers, error, sizeof error) == ACT_STATUS_OK);
  CHECK(error[0] == '\0');
  for (int i = 0; i < TEXTS; i++) {
    float sum = 0;
    for (int j = 0; j < LABELS; j++) {
      sum += probabilities[i * LABELS + j];
      CHECK(given[i * LABELS + j] == ((size_t)j == classes[i]));
      CHECK(expected[i * LABELS + j] <= expected[i * LABELS + classes[i]]);
    }
    CHECK(sum > 0.9999f && sum < 1.0001f);
  }
  CHECK(tokens[0] == 8 && tokens[1] == 2);
  CHECK(act_label(single, LABELS) == NULL);

  char big[301];
  memset(big, 'a', 300);
  for (int i = 1; i < 300; i += 2) big[i] = ' ';
  big[300] = '\0';
  const char *long_text = big;
  act_answers counted = {NULL, NULL, NULL, NULL, tokens};
  CHECK(act_classify(single, &long_text, NULL, 1, counted, error, sizeof error) == ACT_STATUS_OK);
  CHECK(tokens[0] == 152 && tokens[0] > act_max_tokens(single));

  const char *const wrong[2] = {"ok", "\xff"};
  const char *const missing[2] = {"ok", NULL};
  CHECK(act_classify(single, wrong, NULL, 2, counted, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(strstr(error, "texts[1] is not UTF-8") != NULL);
  CHECK(act_classify(single, missing, NULL, 2, counted, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(strstr(error, "texts[1] is a null pointer") != NULL);
  CHECK(act_classify(single, NULL, NULL, 2, counted, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_classify(NULL, texts, NULL, 2, counted, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_classify(single, texts, NULL, SIZE_MAX, counted, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_classify(single, NULL, NULL, 0, answers, error, sizeof error) == ACT_STATUS_OK);

  act_classifier *pairs = NULL;
  float ab[LABELS], ba[LABELS];
  act_answers first = {0}, second = {0};
  first.logits = ab;
  second.logits = ba;
  CHECK(act_open(pairs_path, 2, &pairs, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_takes(pairs) == 2 && act_takes(single) == 1);
  CHECK(act_classify(pairs, texts, texts + 2, 1, first, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_classify(pairs, texts + 2, texts, 1, second, error, sizeof error) == ACT_STATUS_OK);
  CHECK(memcmp(ab, ba, sizeof ab) != 0);
  CHECK(act_classify(pairs, texts, NULL, 1, first, error, sizeof error) == ACT_STATUS_USAGE);
  act_close(pairs);
}

static void check_ids(act_classifier *single) {
  char error[200] = "";
  const uint32_t ids[7] = {2, 41, 42, 3, 2, 43, 3};
  const uint32_t types[7] = {0};
  const size_t lengths[2] = {4, 3}, wrong[2] = {SIZE_MAX, 2};
  const uint32_t unknown[1] = {1000000};
  const size_t one[1] = {1};
  float both[2 * LABELS], again[2 * LABELS];
  act_answers answers = {0}, with_types = {0};
  answers.logits = both;
  with_types.logits = again;
  CHECK(act_classify_ids(single, ids, NULL, lengths, 2, answers, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_classify_ids(single, ids, types, lengths, 2, with_types, error, sizeof error) == ACT_STATUS_OK);
  CHECK(memcmp(both, again, sizeof both) == 0);
  CHECK(act_classify_ids(single, ids + 4, NULL, lengths + 1, 1, with_types, error, sizeof error) == ACT_STATUS_OK);
  CHECK(memcmp(both + LABELS, again, LABELS * sizeof *again) == 0);
  CHECK(act_classify_ids(single, ids, NULL, wrong, 2, answers, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(act_classify_ids(single, unknown, NULL, one, 1, answers, error, sizeof error) == ACT_STATUS_USAGE);
  CHECK(strstr(error, "1000000") != NULL);
  CHECK(act_classify_ids(single, NULL, NULL, lengths, 2, answers, error, sizeof error) == ACT_STATUS_USAGE);
}

/* A model of several labels, and one of a score. */
static void check_kinds(const char *several_path, const char *score_path) {
  char error[200] = "";
  act_classifier *several = NULL, *score = NULL;
  uint8_t given[TEXTS * LABELS];
  float probabilities[TEXTS * LABELS], logits[TEXTS * LABELS];
  act_answers answers = {NULL, given, probabilities, logits, NULL};
  CHECK(act_open(several_path, 1, &several, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_problem_of(several) == ACT_PROBLEM_MULTI_LABEL && act_labels(several) == LABELS);
  CHECK(act_classify(several, texts, NULL, TEXTS, answers, error, sizeof error) == ACT_STATUS_OK);
  for (int i = 0; i < TEXTS * LABELS; i++) {
    CHECK(given[i] == (probabilities[i] >= 0.5f));
    CHECK((probabilities[i] > 0.5f) == (logits[i] > 0));
  }
  act_close(several);
  CHECK(act_open(score_path, 1, &score, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_problem_of(score) == ACT_PROBLEM_REGRESSION && act_labels(score) == 1);
  CHECK(act_classify(score, texts, NULL, TEXTS, answers, error, sizeof error) == ACT_STATUS_OK);
  for (int i = 0; i < TEXTS; i++) CHECK(given[i] == 0 && probabilities[i] == 0 && logits[i] != 0);
  act_close(score);
}

static void check_bytes(const char *path) {
  char error[200] = "";
  uint8_t *bytes = malloc(1 << 20);
  FILE *file = fopen(path, "rb");
  CHECK(bytes != NULL && file != NULL);
  size_t size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  act_classifier *copy = NULL;
  float logits[TEXTS * LABELS];
  act_answers answers = {0};
  answers.logits = logits;
  CHECK(act_open_bytes(bytes, size, 1, &copy, error, sizeof error) == ACT_STATUS_OK);
  free(bytes);
  CHECK(act_classify(copy, texts, NULL, TEXTS, answers, error, sizeof error) == ACT_STATUS_OK);
  CHECK(memcmp(logits, expected, sizeof logits) == 0);
  act_close(copy);
}

int main(int argc, char **argv) {
  char error[200] = "";
  CHECK(argc == 6);
  CHECK(strlen(act_version()) >= 5);
  check_refusals(argv[3]);
  CHECK(act_open(argv[1], 2, &shared, error, sizeof error) == ACT_STATUS_OK);
  CHECK(act_labels(shared) == LABELS);
  check_texts(shared, argv[2]);
  check_ids(shared);
  check_bytes(argv[1]);
  check_kinds(argv[4], argv[5]);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, ask, NULL) == 0);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  size_t best = 0;
  for (size_t j = 1; j < LABELS; j++)
    if (expected[j] > expected[best]) best = j;
  printf("%s", act_label(shared, best));
  for (int j = 0; j < LABELS; j++) {
    uint32_t bits;
    memcpy(&bits, &expected[j], sizeof bits);
    printf(" %08x", (unsigned)bits);
  }
  printf("\n");
  act_close(shared);
  return 0;
}
