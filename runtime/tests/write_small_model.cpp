// write_small_model FOLDER: a made-up model in FOLDER/model and a walk for it in FOLDER/samples.txt, for tests of other
// programs that have no Python to make one.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "small_model.h"

int main(int argc, char** argv) {
  using learn_rt::testing::SmallModel;
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const SmallModel model;
  std::filesystem::copy(model.folder(), folder / "model", std::filesystem::copy_options::recursive);
  std::ofstream samples(folder / "samples.txt");
  const auto walk = SmallModel::walk(50);
  for (std::size_t i = 0; i < walk.size(); ++i)
    samples << walk[i] << ((i + 1) % SmallModel::kFeatures == 0 ? '\n' : ' ');
  return samples ? 0 : 1;
}
