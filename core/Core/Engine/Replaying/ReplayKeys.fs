namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Security.Cryptography
open System.Text
open TorchSharp

/// What stored answers belong to.
module internal ReplayKeys =

    /// SHA-256 of all that a network has learnt: names, shapes and bytes of its parameters and buffers.
    let hashOf (network: INetwork) : string =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

        let tensors =
            Seq.append
                (network.Module.named_parameters ()
                 |> Seq.map (fun struct (name, p) -> name, p :> Tensor))
                (network.Module.named_buffers () |> Seq.map (fun struct (name, b) -> name, b))
            |> Seq.sortWith (fun (a, _) (b, _) -> String.CompareOrdinal(a, b))

        for name, tensor in tensors do
            let shape = String.Join(",", tensor.shape)
            hash.AppendData(Encoding.UTF8.GetBytes $"{name} {tensor.dtype} {shape}\n")

            if tensor.numel () > 0L then
                let values = tensor.detach().cpu().contiguous()
                hash.AppendData(Span.op_Implicit values.bytes: ReadOnlySpan<byte>)

        Convert.ToHexStringLower(hash.GetHashAndReset())

    /// The texts of the augmentations that a batch has come through.
    let chain (texts: IReadOnlyDictionary<string, string>) (path: string list) =
        let ofView (place: string) =
            let role = place.Substring(0, place.LastIndexOf '.')
            $"view {place}\n{texts[role]}"

        String.Join("", texts[Recipe.Shared] :: List.map ofView path)

/// What stored answers depend on beside weights and row, in words: plugins by id, version, options and hash, data by their
/// fingerprints.
type internal ReplayFacts =
    {
        /// By a source of the recipe: its samples in words, and how many the split that they are numbered in has.
        Sources: IReadOnlyDictionary<string, struct (string * int64)>

        /// By role: the architecture.
        Models: IReadOnlyDictionary<string, string>

        /// By role, and under "shared": the augmentations.
        Chains: IReadOnlyDictionary<string, string>

        /// By the same: ids and options alone, which random streams derive from.
        Streams: IReadOnlyDictionary<string, string>

        /// Precision, device and libtorch.
        Machine: string
    }

    /// All that an answer depends on beside its row. hash: of the role's weights.
    member this.Key(role: string, hash: string, lineage: Lineage) : string =
        let struct (samples, _) = this.Sources[lineage.Source]
        let views = ReplayKeys.chain this.Chains lineage.Path
        $"kd answers 1\n{this.Machine}network {this.Models[role]}weights {hash}\nsamples {samples}{views}"

    /// What a view's random stream derives from.
    member this.Stream(lineage: Lineage) : string = ReplayKeys.chain this.Streams lineage.Path
