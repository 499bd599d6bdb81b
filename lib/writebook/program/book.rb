# Answers what a book of Writebook holds, changes it as a request says, or hands out its pages and images. It runs in the
# application: `bin/rails runner book.rb FOLDER`, where FOLDER has request.json and the images it names. All content is in those files.
require "base64"
require "digest"
require "fileutils"
require "json"

class Bookops
  # Something that a person has to know; it ends the run.
  Stop = Class.new(StandardError)
  # The leaf is not as the plan saw it; the others go on.
  Changed = Class.new(StandardError)

  PIECE = 48 * 1024
  # Seconds for which a transaction of ours goes on taking pages.
  HOLD = 0.04
  # Whoever waits for the lock looks for it every 25 ms at least; since Active Record 8, every millisecond.
  PAUSE = ActiveRecord::VERSION::MAJOR >= 8 ? 0.008 : 0.027

  def initialize(folder)
    @folder = folder
    @request = JSON.parse(File.read(File.join(folder, "request.json"), encoding: "UTF-8"))
    $stdout.sync = true
  end

  # Each line of ours begins with a mark: the application's logger writes to standard output too.
  def say(kind, value)
    $stdout.write("\nbookops-#{kind} #{value.is_a?(String) ? value : JSON.generate(value)}\n")
  end

  def run
    say "answer", case @request.fetch("do")
                  when "state" then state
                  when "export" then export
                  when "bases" then bases
                  when "apply" then locked { apply }
                  when "teasers" then teasers
                  else raise Stop, "this request is not known"
                  end
  rescue Stop => stop
    say "stop", { message: stop.message }
  end

  private

  # The book that a person named: by number, else by slug or exact title.
  def found_book(name = @request.fetch("book"))
    found = name.match?(/\A[1-9]\d*\z/) ? Book.where(id: name) : Book.where(slug: name).or(Book.where(title: name))
    found = found.order(:id).to_a
    if found.size > 1
      raise Stop, "#{found.size} books are called #{name.inspect}: name one by its number, #{found.map(&:id).join(", ")}"
    end
    found.first
  end

  def about(book)
    { id: book.id, title: book.title, slug: book.slug.presence || "-" }
  end

  def state(texts: [], book: found_book)
    return { book: nil, books: Book.order(:id).limit(50).map { |one| about(one) } } unless book
    record, seal = record_of(book)
    changed = record["files"].values.to_h { |entry| [entry["leaf"], entry] }
    bodies = bodies_of(book)
    leaves = book.leaves.positioned.includes(:leafable).map do |leaf|
      text = bodies[leaf.leafable_id] if leaf.leafable_type == "Page"
      text = leaf.leafable.body.to_s if leaf.leafable_type == "Section"
      told = content(leaf, text.to_s)
      known = changed[leaf.id]
      wanted = texts == :all || known.nil? || known["body"] != told[:body]
      told.merge(id: leaf.id, made: made(leaf), slug: leaf.slug, active: leaf.active?, text: wanted && leaf.active? ? utf8(text.to_s, leaf) : nil)
    end
    { book: about(book), leaves: leaves, uploads: uploads_of(book, bodies.values), record: record, seal: seal }
  end

  def bodies_of(book)
    pages = Leaf.where(book_id: book.id, leafable_type: "Page").select(:leafable_id)
    ActionText::Markdown.where(record_type: "Page", name: "body", record_id: pages).pluck(:record_id, :content).to_h
  end

  # Also what is attached to earlier versions of a page, whose address goes on working, and what belongs to other books.
  def uploads_of(book, bodies)
    leaves = Leaf.where(book_id: book.id)
    now = leaves.where(leafable_type: "Page").select(:leafable_id)
    before = Edit.where(leaf_id: leaves.select(:id), leafable_type: "Page").select(:leafable_id)
    texts = ActionText::Markdown.where(record_type: "Page", record_id: now).or(ActionText::Markdown.where(record_type: "Page", record_id: before))
    own = ActiveStorage::Attachment.where(record_type: "ActionText::Markdown", record_id: texts.select(:id)).where.not(slug: nil)
    found = own.includes(:blob).order(:id).to_a
    others = bodies.flat_map { |text| slugs_in(text) }.uniq - found.map(&:slug)
    others.each_slice(500) { |slugs| found += ActiveStorage::Attachment.where(slug: slugs).includes(:blob).order(:id).to_a }
    found.map { |one| { slug: one.slug, name: one.blob.filename.to_s, md5: one.blob.checksum } }
  end

  def slugs_in(text) = text.to_s.scan(%r{/u/([^\s()<>"'?#\]]+)}).flatten

  # A leaf as it can be compared with a file; `body` is a checksum.
  def content(leaf, text)
    is = leaf.leafable
    {
      kind: leaf.leafable_type,
      title: utf8(leaf.title, leaf),
      body: Digest::SHA256.hexdigest(text),
      theme: (is.theme.presence if leaf.leafable_type == "Section"),
      caption: (is.caption.presence if leaf.leafable_type == "Picture"),
      image: (is.image.blob&.checksum if leaf.leafable_type == "Picture"),
    }
  end

  def content_now(leaf)
    content(leaf, text_of(leaf))
  end

  def text_of(leaf) = text_in(leaf.leafable)

  def text_in(leafable)
    case leafable.class.name
    when "Page" then leafable.body.content.to_s
    when "Section" then leafable.body.to_s
    else ""
    end
  end

  # What leaves said, by the checksums of texts that an import once wrote, as far as revisions have it.
  def bases
    wanted = @request.fetch("wanted")
    found = found_book.leaves.where(id: wanted.keys).filter_map do |leaf|
      text = Edit.where(leaf_id: leaf.id).order(id: :desc).lazy.map { |edit| text_in(edit.leafable) }
        .find { |one| Digest::SHA256.hexdigest(one) == wanted.fetch(leaf.id.to_s) }
      { leaf: leaf.id, text: utf8(text, leaf) } if text
    end
    { texts: found }
  end

  # The number of a leaf can be given again after a restore; together with this moment it cannot.
  def made(leaf)
    leaf.created_at.utc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
  end

  def utf8(text, leaf)
    given = text.dup.force_encoding(Encoding::UTF_8)
    raise Stop, "leaf #{leaf.id} holds bytes that are no UTF-8" unless given.valid_encoding?
    given
  end

  # What imports wrote: a file, and behind it a line for each leaf since. A last line without its end is of a run that was killed.
  def record_of(book)
    base = read(record_file(book))
    lines = read(journal_file(book))
    record = base.empty? ? { "serial" => 0, "files" => {} } : JSON.parse(base)
    lines.lines.each do |line|
      next unless line.end_with?("\n")
      entry = JSON.parse(line)
      record["files"][entry.fetch("path")] = entry.fetch("entry")
    end
    [record, Digest::SHA256.hexdigest("#{base.bytesize} #{base}#{lines}")]
  rescue JSON::ParserError
    raise Stop, "#{record_file(book)} cannot be read: move it away, and pages are found by their titles"
  end

  def read(file)
    File.exist?(file) ? File.read(file, encoding: "UTF-8") : ""
  end

  def record_folder = Rails.root.join("storage", "bookops")
  # An import and teasers have a record each: neither takes the other's pages for its own.
  def record_name(book) = "#{@request["record"] || "book"}-#{book.id}"
  def record_file(book) = record_folder.join("#{record_name(book)}.json")
  def journal_file(book) = record_folder.join("#{record_name(book)}.lines")

  def save(record)
    text = JSON.generate(record)
    File.open("#{record_file(@book)}.new", "w") do |file|
      file.write(text)
      file.fsync
    end
    File.rename("#{record_file(@book)}.new", record_file(@book))
    File.delete(journal_file(@book)) if File.exist?(journal_file(@book))
    @journal = nil
    @lines = []
  end

  def note(path, leaf, told)
    entry = told.merge(leaf: leaf.id, made: made(leaf))
    @lines << "#{JSON.generate({ path: path, entry: entry })}\n"
    @files[path] = entry.transform_keys(&:to_s)
  end

  def write_notes
    @journal ||= File.open(journal_file(@book), "a").tap { |file| file.sync = true }
    @journal.write(@lines.join) if @lines.any?
    @lines = []
  end

  def locked
    FileUtils.mkdir_p(record_folder)
    File.open(record_folder.join("lock"), File::RDWR | File::CREAT) do |file|
      till = now + @request.fetch("wait").to_f
      until file.flock(File::LOCK_EX | File::LOCK_NB)
        raise Stop, "another import into this application is running" if now > till
        sleep 0.2
      end
      yield
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  # One short transaction, and behind it a pause. The application waits 100 ms for another's, and has to find the lock free
  # in that time. The block may write several leaves, until `full?`; it gives those that it wrote.
  #
  # An error can come after the commit, from what the application does then (its index for searching): the leaves are as they
  # should be, and must not be written again.
  def briefly
    raise Stop, "nobody waits for this import any more" if @left_alone
    wrote = []
    began = nil
    rest
    patiently do
      next wrote.map { |leaf, _| reindexed(leaf) } if wrote.any? && wrote.all? { |leaf, content| stands?(leaf, content) }
      wrote = []
      began = @began = now
      ActiveRecord::Base.transaction do
        result = yield
        wrote = (result.is_a?(Array) ? result : [result]).grep(Leaf).map { |leaf| [leaf, content_now(leaf)] }
        result
      end
    end.tap do
      @held = @held.to_f + now - began
      if @held > 0.02
        @free_until = now + PAUSE
        @held = 0.0
      end
    end
  end

  # What is left of the pause, once pages were shown in it.
  def rest
    left = @free_until.to_f - now
    sleep left if left > 0
  end

  def full? = now - @began > HOLD

  # As many at once as one short transaction takes. The block gives the leaf that it wrote, or nil when there was nothing to
  # write; with what is wrong before it writes, it leaves one out. Afterwards `done` hears of each.
  def together(ops, done)
    at = 0
    while at < ops.size
      near = some_of(ops, at).map { |op| [op, blobs_for(op)] }
      tried = left_out = []
      briefly do
        tried = []
        left_out = []
        @lines = []
        near.each { |_, blobs| blobs.each_key { |key| @images.fetch(key).delete("slug") } }
        near.each do |op, blobs|
          break if tried.any? && full?
          tried << [op, yield(op, blobs)]
        rescue Changed
          left_out << op.fetch("path")
          tried << [op, nil]
        end
        write_notes
        tried.filter_map(&:last)
      end
      @skipped.concat(left_out)
      tried.each { |op, leaf| done.call(op, leaf) if leaf }
      write_notes
      at += tried.size
    end
  end

  # From `at` on, a megabyte at most: a transaction takes no more than that.
  def some_of(ops, at)
    bytes = 0
    ops[at, 16].each_with_index.take_while { |op, index| (bytes += size(op)) < 1_000_000 || index == 0 }.map { |op, _| whole(op) }
  end

  def size(op) = op["file"] ? File.size(file(op["file"])) : 0

  # What a page becomes lies in a file of its own, so that no book is ever in memory as a whole.
  def whole(op)
    op["file"] ? op.merge(JSON.parse(File.read(file(op["file"]), encoding: "UTF-8"))) : op
  end

  def stands?(leaf, content)
    found = Leaf.find_by(id: leaf.id)
    found && made(found) == made(leaf) && content_now(found) == content
  end

  def reindexed(leaf)
    leaf.reload.reindex
    leaf
  end

  # Somebody else may have the lock for longer than the application waits.
  def patiently
    tries = 0
    begin
      yield
    rescue ActiveRecord::StatementInvalid => error
      raise unless error.message.match?(/locked|busy/i) && (tries += 1) < 200
      sleep 0.02 + rand * 0.1
      retry
    end
  end

  # Standard input has nothing more to say behind the bundle; it ends with the task, and nobody would see what is written then.
  def heed_the_task
    Thread.new do
      $stdin.read
      @left_alone = true
    end
  end

  def apply
    heed_the_task
    @images = @request.fetch("images")
    @images.each_value do |image|
      next unless (name = image["file"])
      unless File.file?(file(name)) && Digest::MD5.file(file(name)).base64digest == image.fetch("md5")
        raise Stop, "the bundle arrived without #{image.fetch("name").inspect}, so nothing was written"
      end
    end
    @book = found_book
    raise Stop, "somebody made the book meanwhile: run this again" if @book && @request["make"]
    @book ||= create_book
    record, seal = record_of(@book)
    raise Stop, "another import wrote meanwhile: run this one again" unless [nil, seal].include?(@request["seal"])
    creates = @request.fetch("create")
    reserved = reserve(creates.map { |op| op["path"] }, record["reserved"] || {})
    record = { "version" => 1, "book" => @book.id, "serial" => record["serial"] + 1, "files" => @request.fetch("files"), "reserved" => reserved }
    save(record)
    @files = record["files"]
    @titles = (creates + @request.fetch("update")).to_h { |op| [op["path"], op["title"]] }
    @titles.default_proc = proc { |known, path| known[path] = Leaf.find(@files.fetch(path).fetch("leaf")).title }
    @numbers = @files.transform_values { |entry| entry.fetch("leaf") }.merge(reserved)
    @skipped = []
    create(creates)
    update(@request.fetch("update"))
    move(@request.fetch("move"))
    trash(@request.fetch("trash"))
    record.delete("reserved")
    save(record)
    { book: about(@book), record: record, skipped: @skipped }
  end

  # Numbers that nobody else gets, so that pages can link to one another before they are there. A run that was killed had some.
  def reserve(paths, before)
    known = before.slice(*paths)
    known = known.except(*known.select { |_, id| Leaf.exists?(id) }.keys)
    fresh = paths - known.keys
    return known if fresh.empty?
    connection = Leaf.connection
    last = nil
    briefly do
      found = connection.select_value("SELECT seq FROM sqlite_sequence WHERE name = 'leaves'")
      last = [found, Leaf.maximum(:id)].compact.max || 0
      connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('leaves', 0)") unless found
      connection.execute("UPDATE sqlite_sequence SET seq = #{last + fresh.size} WHERE name = 'leaves'")
    end
    known.merge(fresh.each_with_index.to_h { |path, at| [path, last + 1 + at] })
  end

  # Without access nobody would see the book: whoever administers the application writes in it.
  def create_book
    raise Stop, "there is no such book" unless (title = @request["make"])
    briefly do
      book = Book.create!(title: title, slug: title.parameterize.presence || "book")
      book.update_access(editors: User.active.where(role: :administrator).ids, readers: [])
      book
    end
  end

  def create(ops)
    done = lambda do |op, leaf|
      say "did", { do: "create", path: op["path"] }
      show(op, leaf)
    end
    together(ops, done) do |op, blobs|
      about = { id: @numbers.fetch(op.fetch("path")), title: op.fetch("title") }
      case op.fetch("kind")
      when "Page"
        page = Page.new(body: blobs.empty? ? resolve(op.fetch("body")) : "")
        if blobs.any?
          page.save!
          attach(page, blobs)
          page.body = resolve(op.fetch("body"))
          page.save!
        end
        leaf = @book.press(page, about)
      when "Section"
        leaf = @book.press(Section.new(body: op.fetch("body").join, theme: op["theme"]), about)
      when "Picture"
        leaf = @book.press(Picture.new(caption: op["caption"], image: blobs.values.first), about)
      end
      # before the commit: without its leaf this line says nothing, and a leaf without it would be made again
      note(op.fetch("path"), leaf, content_now(leaf))
      leaf
    end
  end

  def update(ops)
    changed = {}
    done = lambda do |op, leaf|
      say "did", { do: "update", path: op["path"] } if changed[leaf.id]
      note(op.fetch("path"), leaf, content_now(leaf.reload))
      show(op, leaf) if changed[leaf.id]
    end
    together(ops, done) do |op, blobs|
      leaf = @book.leaves.find(op.fetch("leaf"))
      expect(leaf, op.fetch("expects"))
      leaf.active! if op["restore"] && !leaf.active?
      now = content_now(leaf)
      if op["kind"] == "Page"
        attach(leaf.leafable, blobs)
        text = resolve(op.fetch("body"))
        change = now[:body] == Digest::SHA256.hexdigest(text) ? {} : { body: text }
      elsif op["kind"] == "Section"
        change = { body: op.fetch("body").join, theme: op["theme"] }
        change = {} if now[:theme] == op["theme"] && text_of(leaf) == change[:body]
      else
        change = { caption: op["caption"] }
        change[:image] = blobs.values.first if blobs.any?
        change = {} if now[:caption] == op["caption"] && blobs.empty?
      end
      changed[leaf.id] = !change.empty? || leaf.title != op["title"]
      leaf.edit(leafable_params: change, leaf_params: { title: op.fetch("title") }) if changed[leaf.id]
      leaf
    end
  end

  # What a reader gets of a page, made as the page's view makes it. The page is written by now, whatever comes of this.
  def show(op, leaf)
    return unless op["show"] && leaf.leafable_type == "Page"
    html = leaf.leafable.body.to_html
    html = views.sanitize_content(html) if views.respond_to?(:sanitize_content)
    say "shown", { path: op["path"], html: utf8(html.to_str, leaf) }
  rescue StandardError, SystemStackError => error
    say "shown", { path: op["path"], fails: "#{error.class}: #{error.message.to_s.scrub[0, 200]}" }
  end

  def views = @views ||= ApplicationController.helpers

  def move(ops)
    moved = ->(op, _) { say "did", { do: "move", path: op["leaf"] } }
    together(ops, moved) do |op|
      ids = @book.leaves.active.positioned.pluck(:id)
      id = number(op.fetch("leaf"))
      after = op["after"] && number(op["after"])
      next unless ids.include?(id) && (after.nil? || ids.include?(after))
      at = after ? (ids - [id]).index(after) + 1 : 0
      next if ids.index(id) == at
      @book.leaves.find(id).tap { |leaf| leaf.move_to_position(at) }
    end
  end

  def trash(ops)
    gone = lambda do |op, _|
      say "did", { do: "trash", path: op["path"] }
      @files.delete(op["path"])
    end
    together(ops, gone) do |op|
      leaf = @book.leaves.find(op.fetch("leaf"))
      expect(leaf, op.fetch("expects"))
      leaf.trashed!
      leaf
    end
  end

  def expect(leaf, was)
    now = content_now(leaf)
    raise Changed unless now.all? { |key, value| was[key.to_s] == value }
  end

  # A number, or the file of a page that has one by now.
  def number(name) = name.is_a?(String) ? @numbers.fetch(name) : name
  def file(name) = File.join(@folder, name)

  # The images that this page is the first to need, stored before the transaction.
  def blobs_for(op)
    keys = case op["kind"]
           when "Picture" then [op["image"]].compact
           when nil then []
           else op.fetch("body").filter_map { |piece| piece["image"] if piece.is_a?(Hash) }
           end
    @blobs ||= {}
    keys.uniq.reject { |key| @images.fetch(key)["slug"] }.to_h { |key| [key, @blobs[key] ||= blob_of(@images.fetch(key))] }
  end

  # A run that was killed may have stored it, and had no page for it yet.
  def blob_of(image)
    old = ActiveStorage::Blob.unattached.find_by(checksum: image.fetch("md5"), filename: image.fetch("name"))
    return old if old && old.service.exist?(old.key)
    File.open(file(image.fetch("file")), "rb") do |io|
      rest
      patiently do
        io.rewind
        ActiveStorage::Blob.create_and_upload!(io: io, filename: image.fetch("name"))
      end
    end
  end

  def attach(page, blobs)
    blobs.each do |key, blob|
      next if @images.fetch(key)["slug"]
      page.body.uploads.attach(blob)
      @images.fetch(key)["slug"] = ActiveStorage::Attachment.where(record: page.body, name: "uploads", blob_id: blob.id).order(:id).last.slug
    end
  end

  def resolve(pieces)
    pieces.map do |piece|
      next piece if piece.is_a?(String)
      next "/u/#{@images.fetch(piece["image"]).fetch("slug")}#{piece["rest"]}" if piece["image"]
      number = @numbers[piece["to"]]
      next piece["as"] unless number
      "/#{@book.id}/#{@book.slug.presence || "-"}/#{number}/#{@titles[piece["to"]].parameterize.presence || "-"}#{piece["rest"]}"
    end.join
  end

  # The chapters that teasers are made of, with the texts of those that are asked for, and the book that teasers go into.
  def teasers
    from = state(texts: :all)
    return from unless from[:book]
    chosen = @request["chapters"]
    from[:leaves].each { |leaf| leaf[:text] = nil unless chosen.nil? || chosen.include?(leaf[:id].to_s) || chosen.include?(leaf[:title]) }
    into = found_book(@request.fetch("into"))
    told = state(book: into)
    { from: from, into: told, published: into ? into.published : false }
  end

  # Pages and the images in them; of images that the asker has (`have`, by checksum) only the name.
  def export
    told = state(texts: :all)
    return told unless told[:book]
    only = @request["only"]
    leaves = told[:leaves].select { |leaf| leaf[:active] && (only.nil? || only.include?(leaf[:id])) }
    slugs = leaves.flat_map { |leaf| slugs_in(leaf[:text]) }.uniq
    found = slugs.filter_map do |slug|
      one = ActiveStorage::Attachment.find_by(slug: slug)
      { slug: slug, leaf: nil, blob: one.blob } if one
    end
    pictures = Leaf.where(id: leaves.map { |leaf| leaf[:id] }, leafable_type: "Picture").includes(:leafable)
    found += pictures.filter_map { |leaf| { slug: nil, leaf: leaf.id, blob: leaf.leafable.image.blob } if leaf.leafable.image.attached? }
    files = found.each_with_index.map do |one, index|
      hand_out(index, one[:blob]) unless @request.fetch("have").include?(one[:blob].checksum)
      { file: index, slug: one[:slug], leaf: one[:leaf], name: one[:blob].filename.to_s, md5: one[:blob].checksum }
    end
    told.merge(files: files)
  end

  def hand_out(index, blob)
    blob.download do |chunk|
      0.step(chunk.bytesize - 1, PIECE) { |at| say "piece", "#{index} #{Base64.strict_encode64(chunk.byteslice(at, PIECE))}" }
    end
  end
end

Bookops.new(ARGV.fetch(0)).run
