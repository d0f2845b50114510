namespace KdPlugins.Core

open KdPlugins.Torch
open TorchSharp

/// A place in the tree of random streams. Every draw of a run derives from (run seed, stage, step, purpose) and from
/// nothing else, so there is no random state to save and none to disturb.
[<Struct>]
type RandomKey(value: uint64) =

    /// The 64 bits that the place stands for.
    member _.Value = value

    /// The place below this one for a purpose, such as "crop" or a role's name.
    member _.Derive(purpose: string) = RandomKey(Seed.Derive(value, purpose))

    /// The place below this one for a number, such as a step or a sample index.
    member _.Derive(number: int64) = RandomKey(Seed.Derive(value, number))

    /// A generator on the device that starts at this place. Dispose it: scopes dispose tensors only.
    member _.NewGenerator(device: torch.Device) = RandomGenerators.New(value, device)
