using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Text;

/// <summary>The causal language model of GPT-2; its parameters bear the names of the published checkpoints.</summary>
[KdModel(
    "gpt2",
    Description = "Causal language model: blocks of attention and a two-layer perceptron, with a key-value cache",
    Paper = "Radford et al.: Language Models are Unsupervised Multitask Learners, 2019"
)]
public sealed class Gpt2Plugin : ModelPlugin<Gpt2Options>
{
    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0304</c>: the data are no texts; <c>KDP0306</c>: they have more tokens than the network is to know.
    /// </exception>
    public override INetwork Create(ModelRequest request)
    {
        if (request.Data.Kind != InputKind.Tokens)
            throw Asker.Refusal(
                CoreErrors.TargetKind,
                $"reads tokens; the data set gives {request.Data.Kind}.",
                "Take a data set of texts, such as 'addition' or 'text-file'."
            );
        // A head may be asked for where no tokens are told, as by a probe.
        var known = Math.Max(request.Data.Vocabulary.Count, request.Classes);
        if (Options.Vocabulary > 0 && Options.Vocabulary < known)
            throw Asker.WrongCombination(
                $"knows {Options.Vocabulary} tokens, the data set has {known}.",
                "Raise \"vocabulary\", or leave it out."
            );
        return new Gpt2Network(Options, Options.Vocabulary > 0 ? Options.Vocabulary : known, request.InputShape, Asker);
    }
}
