/* Runs the default signature of a SavedModel with TensorFlow's C library.
 *
 *   run_saved_model MODEL FRAMES B T H W C INPUT OUTPUT...
 *
 * FRAMES is a file of B*T*H*W*C bytes; INPUT and OUTPUT are tensors such as "x:0".
 * Prints the float values of each output on a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

static void check(TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%s\n", TF_Message(status));
    exit(1);
  }
}

static TF_Output find(TF_Graph *graph, const char *tensor) {
  char name[256];
  const char *colon = strrchr(tensor, ':');
  snprintf(name, sizeof name, "%.*s", (int)(colon - tensor), tensor);
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (output.oper == NULL) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return output;
}

int main(int argc, char **argv) {
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session = TF_LoadSessionFromSavedModel(
      options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status);

  int64_t dims[5];
  size_t bytes = 1;
  for (int i = 0; i < 5; i++) bytes *= dims[i] = atoll(argv[3 + i]);
  TF_Tensor *frames = TF_AllocateTensor(TF_UINT8, dims, 5, bytes);
  FILE *file = fopen(argv[2], "rb");
  if (!file || fread(TF_TensorData(frames), 1, bytes, file) != bytes) return 1;
  fclose(file);

  int count = argc - 9;
  TF_Output input = find(graph, argv[8]);
  TF_Output outputs[8];
  TF_Tensor *values[8] = {NULL};
  for (int i = 0; i < count; i++) outputs[i] = find(graph, argv[9 + i]);
  TF_SessionRun(session, NULL, &input, &frames, 1, outputs, values, count, NULL, 0,
                NULL, status);
  check(status);
  for (int i = 0; i < count; i++) {
    const float *data = TF_TensorData(values[i]);
    size_t length = TF_TensorByteSize(values[i]) / sizeof(float);
    for (size_t j = 0; j < length; j++) printf("%.9g ", data[j]);
    printf("\n");
  }
  return 0;
}
