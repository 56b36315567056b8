// SPDX-License-Identifier: MIT
// Protobuf messages travel as they are: a map from one message to another.
#include <algorithm>
#include <cstdio>
#include <flagship/flagship.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "weather.pb.h"

weather::Summary summarise(const weather::Readings& readings) {
  const auto& celsius = readings.celsius();
  weather::Summary summary;
  summary.set_station(readings.station());
  summary.set_readings(celsius.size());
  summary.set_mean(std::accumulate(celsius.begin(), celsius.end(), 0.0) / celsius.size());
  summary.set_highest(*std::max_element(celsius.begin(), celsius.end()));
  return summary;
}

weather::Readings readings(const std::string& station, const std::vector<double>& celsius) {
  weather::Readings made;
  made.set_station(station);
  made.mutable_celsius()->Add(celsius.begin(), celsius.end());
  return made;
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 2});

  const std::vector<weather::Readings> all = {readings("Cairo", {31.0, 34.5}),
                                              readings("Oslo", {-4.5, -3.0, 1.5}),
                                              readings("Quito", {14.0, 15.0, 16.0, 15.0})};
  for (const weather::Summary& s : pool.map<summarise>(all))
    std::printf("%s: %d readings, %.1f on average, %.1f at most\n", s.station().c_str(),
                s.readings(), s.mean(), s.highest());
}
