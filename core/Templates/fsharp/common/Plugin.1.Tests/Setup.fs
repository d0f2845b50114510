module Plugin._1.Tests.Setup

open Xunit

// libtorch's generators and counts of tensors belong to the process.
[<assembly: CollectionBehavior(DisableTestParallelization = true)>]
do ()
