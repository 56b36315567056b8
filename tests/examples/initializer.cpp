// SPDX-License-Identifier: MIT
// State that each worker sets up once, before its first call: here a dictionary.
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

std::map<std::string, int> dictionary;  // each worker has its own
int times_read = 0;

void read_dictionary(int words) {
  for (int i = 0; i < words; ++i) dictionary["word " + std::to_string(i)] = i;
  ++times_read;
}

struct Found {  // an aggregate travels without a line of code
  int number = 0;
  int times_read = 0;
  pid_t worker = 0;
};

Found look_up(const std::string& word) { return {dictionary.at(word), times_read, getpid()}; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({
      .max_workers = 2,
      .initializer = flagship::initializer<read_dictionary>(100'000),
  });

  std::vector<std::string> words;
  for (int i = 0; i < 1000; ++i) words.push_back("word " + std::to_string(i * 100));
  std::set<pid_t> workers;
  bool once = true;
  for (const Found& found : pool.map<look_up>(words)) {
    workers.insert(found.worker);
    once = once && found.times_read == 1;
  }
  std::cout << words.size() << " words looked up by " << workers.size()
            << (workers.size() == 1 ? " worker" : " workers")
            << ", each of which read the dictionary " << (once ? "once" : "again and again")
            << '\n';
}
