namespace KdPlugins.Core

open TorchSharp

/// A place in the tree of random streams. Every draw of a run derives from (run seed, stage, step, purpose) and from
/// nothing else, so there is no random state to save and none to disturb.
[<Struct>]
type RandomKey(value: uint64) =

    /// The 64 bits that the place stands for.
    member _.Value = value

    /// The place below this one for a purpose, such as "crop" or a role's name.
    member _.Derive(purpose: string) = RandomKey(RandomMix.text value purpose)

    /// The place below this one for a number, such as a step or a sample index.
    member _.Derive(number: int64) = RandomKey(RandomMix.word value (uint64 number))

    /// A generator on the device that starts at this place. Dispose it, or let the step's scope do it.
    member _.NewGenerator(device: torch.Device) = new torch.Generator(value &&& 0x7fff_ffff_ffff_ffffUL, device)
