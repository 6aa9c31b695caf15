/* Labels of texts: classify MODEL.act TEXT...
 *
 *   cc classify.c -I ../include -L ../../target/release -lact -o classify
 */

#include <stdio.h>
#include <stdlib.h>

#include "act.h"

int main(int argc, char **argv) {
  char error[512];
  if (argc < 3) {
    fprintf(stderr, "usage: classify MODEL.act TEXT...\n");
    return 2;
  }
  act_classifier *model;
  act_status status = act_open(argv[1], 1, &model, error, sizeof error);
  if (status != ACT_STATUS_OK) {
    fprintf(stderr, "%s\n", error);
    return (int)status;
  }
  size_t count = (size_t)argc - 2, labels = act_labels(model);
  act_answers answers = {
      .classes = malloc(count * sizeof(size_t)),
      .probabilities = malloc(count * labels * sizeof(float)),
      .tokens = malloc(count * sizeof(size_t)),
  };
  if (!answers.classes || !answers.probabilities || !answers.tokens) return 1;
  const char *const *texts = (const char *const *)(argv + 2);
  status = act_classify(model, texts, NULL, count, answers, error, sizeof error);
  if (status != ACT_STATUS_OK) fprintf(stderr, "%s\n", error);
  for (size_t i = 0; i < count && status == ACT_STATUS_OK; i++) {
    size_t best = answers.classes[i];
    printf("%s\t%.3f\n", act_label(model, best), answers.probabilities[i * labels + best]);
    if (answers.tokens[i] > act_max_tokens(model)) fprintf(stderr, "text %zu was cut\n", i);
  }
  free(answers.classes);
  free(answers.probabilities);
  free(answers.tokens);
  act_close(model);
  return (int)status;
}
