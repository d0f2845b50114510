using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>Texts of different lengths, each a prompt and what answers it, as batches of language models.</summary>
public static class TokenBatches
{
    /// <summary>
    /// A batch: the input is all ids, filled up with 0 on the right; the mask says which of them are there. The target at a place is the
    /// token after it, which counts where it belongs to the answer.
    /// </summary>
    /// <param name="texts">The ids of each, at least one.</param>
    /// <param name="prompts">How many of the first ones are given, 1 to the text's length.</param>
    /// <param name="indices">The samples' numbers in their data set.</param>
    /// <exception cref="ArgumentException">A text is empty, or a prompt is none of it.</exception>
    public static Batch Of(IReadOnlyList<long[]> texts, IReadOnlyList<int> prompts, ReadOnlySpan<long> indices)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(prompts);
        if (texts.Count == 0 || prompts.Count != texts.Count || indices.Length != texts.Count)
            throw new ArgumentException($"{texts.Count} texts, {prompts.Count} prompts and {indices.Length} numbers.");
        var (count, longest) = (texts.Count, texts.Max(t => t.Length));
        var (ids, next) = (new long[count * longest], new long[count * longest]);
        var (there, counts) = (new bool[count * longest], new bool[count * longest]);
        for (var i = 0; i < count; i++)
        {
            var (text, prompt, start) = (texts[i], prompts[i], i * longest);
            if (prompt < 1 || prompt > text.Length)
                throw new ArgumentException($"Text {i} has {text.Length} tokens, and {prompt} of them are given.");
            text.CopyTo(ids, start);
            text.AsSpan(1).CopyTo(next.AsSpan(start));
            there.AsSpan(start, text.Length).Fill(true);
            counts.AsSpan(start + prompt - 1, text.Length - prompt).Fill(true);
        }
        long[] shape = [count, longest];
        return new(
            tensor(ids, shape),
            tensor(there, shape),
            new TokenTarget(tensor(next, shape), tensor(counts, shape)),
            tensor(indices.ToArray(), ScalarType.Int64),
            null
        );
    }

    /// <summary>The texts of a batch and the lengths of their prompts: <see cref="Of"/> the other way round.</summary>
    /// <param name="batch">Texts that are filled up on the right, with a token target.</param>
    /// <param name="asker">Who asks.</param>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0304</c>: the target is no tokens; <c>KDP0303</c>: a text is empty, or filled up on the left.
    /// </exception>
    public static (long[][] Texts, int[] Prompts) Read(Batch batch, Asker asker)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(asker);
        var target = TargetReader.As<TokenTarget>(batch.Target, $"{asker}");
        var (count, longest) = ((int)batch.Input.shape[0], (int)batch.Input.shape[1]);
        var ids = Values<long>(batch.Input);
        var there = batch.Mask is null ? null : Values<bool>(batch.Mask);
        var counts = Values<bool>(target.Mask);
        var (texts, prompts) = (new long[count][], new int[count]);
        for (var i = 0; i < count; i++)
        {
            var start = i * longest;
            var length = there is null ? longest : there.AsSpan(start, longest).LastIndexOf(true) + 1;
            if (length == 0 || there?.AsSpan(start, length).Contains(false) == true)
                throw asker.WrongShape("needs texts that are filled up on the right, each of one token at least.");
            texts[i] = ids[start..(start + length)];
            var first = counts.AsSpan(start, length).IndexOf(true);
            prompts[i] = first < 0 ? length : first + 1;
        }
        return (texts, prompts);
    }

    private static T[] Values<T>(Tensor tensor)
        where T : unmanaged => tensor.cpu().contiguous().data<T>().ToArray();
}
