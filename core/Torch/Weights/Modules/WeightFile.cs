namespace KdPlugins.Torch.Weights;

/// <summary>Opens weights of any known format.</summary>
public static class WeightFile
{
    private const string SingleName = "model.safetensors";

    /// <summary>Opens a weight file, chosen by name and content.</summary>
    /// <param name="path">
    /// A <c>.safetensors</c> file, an index of shards (<c>.index.json</c>), a PyTorch file, or a folder that holds
    /// <c>model.safetensors</c> or its index.
    /// </param>
    /// <param name="options">For PyTorch files; null for the defaults.</param>
    /// <exception cref="KdException">Not readable (KDP0500), of no known format (KDP0501), or not valid.</exception>
    public static IWeightSource Open(string path, PyTorchOptions? options = null)
    {
        if (Directory.Exists(path))
        {
            path = InFolder(path);
        }
        if (path.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase))
        {
            return ShardedSafeTensors.Open(path);
        }
        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) || LooksLikeSafeTensors(path))
        {
            return SafeTensorsFile.Open(path);
        }
        return PyTorchFile.Open(path, options);
    }

    private static string InFolder(string folder)
    {
        string index = Path.Combine(folder, ShardedSafeTensors.IndexName);
        string single = Path.Combine(folder, SingleName);
        return File.Exists(index) ? index
            : File.Exists(single) ? single
            : throw WeightFault.Of(
                WeightErrors.FileUnreadable,
                folder,
                $"the folder holds neither {SingleName} nor {ShardedSafeTensors.IndexName}."
            );
    }

    private static bool LooksLikeSafeTensors(string path)
    {
        using ByteSource bytes = ByteSource.Open(path);
        return !PyTorchFile.IsZip(bytes) && bytes.Length > 8 && bytes.Span(8, 1)[0] == '{';
    }
}
