global using Xunit;

// libtorch's generators and counts of tensors belong to the process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
