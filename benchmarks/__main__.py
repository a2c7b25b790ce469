from benchmarks import bench

bench.main()
